"""`scrutineer deploy`: the doctor first, then SAM, and a way back if it fails."""

from typing import Annotated

import typer

from scrutineer.cli.console import err, out
from scrutineer.cli.deployment_options import (
    PROJECT,
    ConfigEnv,
    Parameters,
    Profile,
    Project,
    Region,
    Sam,
    StackName,
    chosen,
    sam_command,
)
from scrutineer.errors import UserError


def deploy(
    config_env: ConfigEnv = "dev",
    stack: StackName = None,
    region: Region = None,
    profile: Profile = None,
    parameter: Parameters = None,
    role_arn: Annotated[str | None, typer.Option(help="The role that CloudFormation acts as.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Deploy without showing the change set first.")] = False,
    sam: Sam = None,
    project: Project = PROJECT,
) -> None:
    """Deploy what `sam build` built, if the doctor has nothing against it. Exit code: 0 deployed, 1 not.

    Where it fails, it says what CloudFormation did about it, which resource failed first, and what to do now.
    """
    # They bring samtranslator's settings; the help does without.
    from scrutineer.deployment.account import CouldNotLook
    from scrutineer.deployment.checks import CHECKS
    from scrutineer.deployment.deploy import deploy as by_sam
    from scrutineer.deployment.doctor import Phase, examine
    from scrutineer.deployment.findings import Verdict
    from scrutineer.deployment.subject import Subject
    from scrutineer.deployment.way_back import way_back

    environment, account = chosen(
        project, config_env, stack=stack, region=region, profile=profile, given=parameter or []
    )
    subject = Subject(environment, project, account)
    with err.status("The doctor looks …"):
        against = [each for each in examine(CHECKS, subject, phase=Phase.BEFORE) if each.verdict is Verdict.FAIL]
    for finding in against:
        err.print(f"✗ {finding.check}: {finding.line}", markup=False, soft_wrap=True)
        if finding.mend:
            err.print(f"    → {finding.mend}", markup=False, soft_wrap=True)
    if against:
        raise UserError(f"Nothing was deployed: the doctor found {len(against)} thing(s) that would fail it.")
    given = (("--region", region), ("--profile", profile), ("--role-arn", role_arn))
    options = [word for name, value in given if value for word in (name, value)]
    if yes:
        options.append("--no-confirm-changeset")
    if by_sam(environment, project, sam_command(project, sam), options):
        out.print(f"{environment.stack} is deployed. `scrutineer smoke` looks whether it serves.", soft_wrap=True)
        return
    try:
        found = way_back(account, environment.stack, environment.name)
    except CouldNotLook as error:
        raise UserError(f"The deploy failed. What became of {environment.stack} can't be seen: {error}") from error
    if found.cause:
        err.print(f"First to fail: {found.cause}", markup=False, soft_wrap=True)
    if found.do:
        err.print(f"    → {found.do}", markup=False, soft_wrap=True)
    raise UserError(f"The deploy failed. {found.state}.")
