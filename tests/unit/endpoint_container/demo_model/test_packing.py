"""Packed questions get the logits that each would get alone."""

import torch

from demo_model.architecture import PHOTO_TOKENS, WIDTH, build_model
from demo_model.checklist import read_questions
from demo_model.packing import Packer, answer_logits
from demo_model.tokenizer import train_tokenizer
from models.internvl import prompt


def test_packed_logits_equal_those_of_each_question_alone() -> None:
    tokenizer = train_tokenizer()
    model = build_model(tokenizer, seed=3).eval()
    questions = read_questions()
    orders: list[dict[str, object]] = [{"description": "red shoe"}, {"description": "a blue bag for women, brand new"}]
    asked = [[(question, question.answers[0]) for question in questions] for _ in orders]
    packed = Packer(tokenizer).pack(list(questions), 2, orders, asked)
    features = torch.randn(2, 2 * PHOTO_TOKENS, WIDTH, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        together, _ = answer_logits(model, packed, features)
        for row, order in enumerate(orders):
            shared = prompt.shared_prefix(questions)
            shared += "".join(prompt.photo_block(n + 1, PHOTO_TOKENS) for n in range(2)) + prompt.item_block(order)
            for column, question in enumerate(questions):
                text = shared + prompt.question_suffix(question, lettered=False)
                ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])
                embedded = model.get_input_embeddings()(ids)
                places = (ids == model.config.image_token_id)[..., None]
                embedded = embedded.masked_scatter(places, features[row])
                alone = model(inputs_embeds=embedded).logits[0, -1]
                assert torch.allclose(together[row, column], alone, atol=1e-4)
