#!/usr/bin/env bash
# Builds and tries the endpoint container's image, pushes it to IMAGE_REPOSITORY, and leaves in .aws-sam/ what the deploy
# needs and what an auditor asks for: its digest, and what is in it.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${IMAGE_REPOSITORY:?the repository in ECR, with its registry}"

commit=$(git rev-parse HEAD 2>/dev/null || echo "${CODEBUILD_RESOLVED_SOURCE_VERSION:?}")
mkdir -p .aws-sam
# One commit is one image, and its tag is not to be moved: a build that runs again finds what the first one pushed.
digest=$(aws ecr describe-images --repository-name "${IMAGE_REPOSITORY#*/}" --image-ids "imageTag=$commit" \
    --query 'imageDetails[0].imageDigest' --output text 2>/dev/null || true)
if [ -z "$digest" ]; then
    make image-test IMAGE="$IMAGE_REPOSITORY:$commit"
    docker push --quiet "$IMAGE_REPOSITORY:$commit"
    digest=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$IMAGE_REPOSITORY:$commit" \
        | grep -oE 'sha256:[0-9a-f]{64}' | head -n 1)
fi
make sbom
rm -rf .aws-sam/sbom
cp -r sbom .aws-sam/sbom
echo "$IMAGE_REPOSITORY@${digest:?no digest}" | tee .aws-sam/image
