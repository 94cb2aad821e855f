"""Which prompts of a batch pass the language model together."""

from collections.abc import Sequence

from models.internvl.encoding import EncodedPrompt

# Of a group's positions at most this share may be padding.
MAX_PADDING = 0.1


def group_prompts(prompts: Sequence[EncodedPrompt], by_checklist: bool, max_tokens: int) -> list[list[int]]:
    """Indices of `prompts`, every one in exactly one group.

    A group's prompts have similar lengths, at most `max_tokens` positions with their padding unless it is a single
    one, and, `by_checklist`, the same tokens before the photos.
    """
    groups: list[list[int]] = []
    order = sorted(
        range(len(prompts)),
        key=lambda index: (prompts[index].checklist if by_checklist else (), len(prompts[index].prefix)),
    )
    for index in order:
        if groups and _fits(prompts, [*groups[-1], index], by_checklist, max_tokens):
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _fits(prompts: Sequence[EncodedPrompt], group: list[int], by_checklist: bool, max_tokens: int) -> bool:
    """Whether a group, shortest prompt first, may stay one."""
    first, last = prompts[group[0]], prompts[group[-1]]
    if by_checklist and first.checklist != last.checklist:
        return False
    real = sum(len(prompts[index].prefix) for index in group)
    padded = len(group) * len(last.prefix)
    return padded - real <= MAX_PADDING * padded and len(group) * last.tokens <= max_tokens
