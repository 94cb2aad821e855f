"""samconfig.toml as SAM reads it."""

from pathlib import Path

import pytest

from scrutineer.deployment.environment import read_environment
from scrutineer.errors import UserError
from scrutineer.local.settings import ROOT


def written(folder: Path, text: str) -> Path:
    file = folder / "samconfig.toml"
    file.write_text(text)
    return file


def test_an_environment_as_it_is_written(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        [default.deploy.parameters]
        region = "eu-west-1"
        [prod.deploy.parameters]
        stack_name = "scrutineer-prod"
        tags = "application=scrutineer environment=prod"
        parameter_overrides = ["StageName=prod", "ServiceTimezone=Asia/Kolkata"]
        """,
    )
    found = read_environment(file, "prod", overrides={"StageName": "p"})
    assert (found.stack, found.region) == ("scrutineer-prod", "eu-west-1")
    assert found.parameters == {"StageName": "p", "ServiceTimezone": "Asia/Kolkata"}
    assert found.tags == {"application": "scrutineer", "environment": "prod"}


def test_what_guided_writes_is_one_text_with_quotes(tmp_path: Path) -> None:
    text = """[dev.deploy.parameters]
stack_name = "s"
parameter_overrides = "StageName=\\"dev\\" ModelImage=\\"\\" ModelArtifact=\\"s3://b/a b.tar.gz\\""
"""
    found = read_environment(written(tmp_path, text), "dev")
    assert found.parameters == {"StageName": "dev", "ModelImage": "", "ModelArtifact": "s3://b/a b.tar.gz"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[dev.deploy.parameters]\nregion = 'x'\n", "no stack_name"),
        ("[prod.deploy.parameters]\nstack_name = 's'\n", "no environment 'dev', only prod"),
        ("[dev.deploy.parameters]\nstack_name = 's'\nparameter_overrides = ['A']\n", "'A' is not NAME=VALUE"),
        ("[dev\n", "samconfig.toml"),
    ],
)
def test_a_mistake_is_one_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words) as caught:
        read_environment(written(tmp_path, text), "dev")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_repositorys_own_environments(name: str) -> None:
    assert read_environment(ROOT / "samconfig.toml", name).stack == f"scrutineer-{name}"
