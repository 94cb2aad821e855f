#!/usr/bin/env bash
# Deploys .aws-sam/build with the image of .aws-sam/image to the environment CONFIG_ENV, and looks whether it serves.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${CONFIG_ENV:?dev or prod}" "${STACK_NAME:?the stack of samconfig.toml}" "${EXECUTION_ROLE:?ARN}" "${SMOKE_KEY_SECRET:?ARN}"

image=$(cat .aws-sam/image)
make operator
.venv/bin/scrutineer deploy --config-env "$CONFIG_ENV" --parameter "ModelImage=$image" \
    --role-arn "$EXECUTION_ROLE" --yes

SCRUTINEER_URL=$(aws cloudformation describe-stacks --stack-name "$STACK_NAME" \
    --query "Stacks[0].Outputs[?OutputKey=='ApiUrl'].OutputValue | [0]" --output text)
SCRUTINEER_API_KEY=$(aws secretsmanager get-secret-value --secret-id "$SMOKE_KEY_SECRET" --query SecretString --output text)
export SCRUTINEER_URL SCRUTINEER_API_KEY
# An endpoint that had gone to zero takes minutes to come back.
.venv/bin/scrutineer smoke --within 900
