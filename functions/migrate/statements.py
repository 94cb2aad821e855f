"""A file of plain SQL as its statements."""

import re

# Strings and quoted names, which may hold anything; comments; the end of a statement.
TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`|--(?=\s|$)[^\n]*|\#[^\n]*|/\*.*?\*/|;""", flags=re.DOTALL
)
COMMENTS = ("--", "#", "/*")


def statements(text: str) -> tuple[str, ...]:
    """In order, without comments and semicolons. Knows no bodies with BEGIN and END: a trigger has one statement."""
    found, end = [""], 0
    for token in TOKEN.finditer(text):
        found[-1] += text[end : token.start()]
        end = token.end()
        if token[0] == ";":
            found.append("")
        else:
            found[-1] += " " if token[0].startswith(COMMENTS) else token[0]
    found[-1] += text[end:]
    return tuple(statement for statement in map(str.strip, found) if statement)
