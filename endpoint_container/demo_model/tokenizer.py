"""A small byte-level BPE tokenizer, trained on the prompts that inspections are put into."""

from collections.abc import Iterator

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from demo_model.catalogue import COLOURS, KINDS, draw_item, draw_ordered
from demo_model.checklist import read_questions
from demo_model.orders import write_order
from models.internvl import prompt

VOCABULARY = 1000
END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIALS = (END_OF_TEXT, TURN_START, TURN_END, prompt.IMAGE_START, prompt.IMAGE_END, prompt.IMAGE_CONTEXT, "<video>")
# Words as in Qwen2: a word takes the space before it along, digits stand alone.
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<IMG_CONTEXT>\n' }}"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def corpus(seed: int = 0, orders: int = 4000) -> Iterator[str]:
    """Prompts with drawn orders, and the answers as they stand at a line's start."""
    rng = np.random.default_rng(seed)
    questions = read_questions()
    answers = sorted({answer for question in questions for answer in question.answers})
    for number in range(orders):
        order = write_order(rng, draw_ordered(rng, draw_item(rng)))
        yield prompt.photo_block(number % 6 + 1, 0) + prompt.item_block(order)
        if number % 20 == 0:
            yield prompt.shared_prefix(questions)
            yield from (prompt.question_suffix(question, lettered=number % 40 == 0) for question in questions)
            yield from answers
            yield from (f" {word} {word.capitalize()}\n{word}" for word in (*KINDS, *COLOURS, "label", "damaged"))


def train_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer with its special tokens, under the names transformers' InternVL processor asks for."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = Sequence(
        [Split(Regex(_WORDS), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = ByteLevelDecoder()
    specials = [AddedToken(token, special=True, normalized=False) for token in SPECIALS]
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=specials,
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    plain = (_without(text, SPECIALS) for text in corpus())
    tokenizer.train_from_iterator(plain, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=TURN_END,
        pad_token=END_OF_TEXT,
        chat_template=CHAT_TEMPLATE,
        model_max_length=4096,
        clean_up_tokenization_spaces=False,
        extra_special_tokens={
            "start_image_token": prompt.IMAGE_START,
            "end_image_token": prompt.IMAGE_END,
            "context_image_token": prompt.IMAGE_CONTEXT,
            "video_token": "<video>",
        },
    )


def _without(text: str, tokens: tuple[str, ...]) -> str:
    for token in tokens:
        text = text.replace(token, "\n")
    return text


def answer_token(tokenizer: PreTrainedTokenizerFast, answer: str) -> int:
    """The one token an answer is. Raises ValueError if it is several."""
    ids = tokenizer.encode(answer, add_special_tokens=False)
    if len(ids) != 1:
        raise ValueError(f"the answer {answer!r} is {len(ids)} tokens")
    return int(ids[0])
