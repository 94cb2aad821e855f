"""Which prompts of a batch pass the language model together."""

from collections.abc import Sequence

from models.internvl.encoding import EncodedPrompt

# Of a group's positions at most this share may be padding.
MAX_PADDING = 0.1


# How many of a prompt's first tokens need not be computed, and which they are where all of a group must have the same.
Start = tuple[int, tuple[int, ...]]


def group_prompts(prompts: Sequence[EncodedPrompt], starts: Sequence[Start], max_tokens: int) -> list[list[int]]:
    """Indices of `prompts`, every one in exactly one group.

    A group's prompts have the same start, similar lengths, and at most `max_tokens` positions with their padding
    unless it is a single one.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(prompts)), key=lambda index: (starts[index], len(prompts[index].prefix))):
        if groups and starts[groups[-1][0]] == starts[index] and _fits(prompts, [*groups[-1], index], max_tokens):
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _fits(prompts: Sequence[EncodedPrompt], group: list[int], max_tokens: int) -> bool:
    """Whether a group, shortest prompt first, may stay one."""
    last = prompts[group[-1]]
    real = sum(len(prompts[index].prefix) for index in group)
    padded = len(group) * len(last.prefix)
    return padded - real <= MAX_PADDING * padded and len(group) * last.tokens <= max_tokens
