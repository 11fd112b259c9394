#!/usr/bin/env bash
# Measures on one GPU what docs/explanation/performance.md leaves open, from a bare checkout:
#
#   bash benchmarks/gpu.sh [FOLDER [PART...]]
#
# It stops after eight minutes. FOLDER (results/gpu) gets the table of each part, NAME.txt, and its
# samples, NAME.json, as soon as the part is done; the same command goes on with the parts that are
# missing, most important first. What failed is in NAME.err, and is tried again. PART... are the
# only parts to do. PYTHON is an interpreter that has all packages; without it, they are installed.
#
# tests/benchmarks/test_gpu_script.py does all of it on a CPU, with the smaller figures below.

set -u
cd "$(dirname "$0")/.." || exit 1

folder=${1:-results/gpu}
shift $(($# > 0 ? 1 : 0))
wanted=" $* "
end=$((SECONDS + ${LIMIT:-480}))
rounds=${ROUNDS:-3}
seconds=${EACH:-1}
images=${IMAGES:-512}
steps=${STEPS:-50}
width=${WIDTH:-0}
patience=${PATIENCE:-1}
precision=${PRECISION:-bfloat16}
training=${TRAINING:---dataset=synthetic,--preset=udacity,--image_size=128}
ways=${WAYS:-default,deterministic}
sources=${SOURCES:-rendered,folder}
# Preset, size and batch.
against_first=${AGAINST_FIRST-udacity:128:16 pix2pix:256:16 cyclegan:256:1}
against_then=${AGAINST_THEN-udacity:128:1 udacity:128:64 cyclegan:256:16 pix2pix:256:1}
dispatch=${DISPATCH:-udacity:128:1 pix2pix:256:1 thermal:256:1}
operations=${OPERATIONS:-cyclegan:256:16}
translated=${TRANSLATED:-pix2pix:256 cyclegan:256}
mkdir -p "$folder"
python=${PYTHON:-$folder/venv/bin/python}

# part NAME SECONDS COMMAND...: does it, unless it is done, not wanted, or too late.
part() {
  local name=$1 most=$(($2 * patience)) left=$((end - SECONDS))
  shift 2
  [[ $wanted == "  " || $wanted == *" $name "* ]] || return 0
  [[ ! -e $folder/$name.txt ]] || return 0
  if ((left < 15)); then
    echo "$name: no time left; the same command goes on here"
    return 0
  fi
  echo "$name ..."
  if timeout --kill-after=5 $((most < left ? most : left)) "$@" \
    >"$folder/$name.part" 2>"$folder/$name.err"; then
    mv "$folder/$name.part" "$folder/$name.txt"
    rm "$folder/$name.err"
    cat "$folder/$name.txt"
  else
    echo "$name: failed with status $?, see $folder/$name.err"
  fi
}

# on CASE NAME SECONDS PROGRAM FLAG...: a benchmark of PRESET:SIZE[:BATCH].
on() {
  local preset size batch name=$2 most=$3 program=$4
  IFS=: read -r preset size batch <<<"$1"
  name=${name}_$preset${batch:+_$batch}
  shift 4
  part "$name" "$most" "$python" -m "benchmarks.$program" --preset="$preset" --size="$size" \
    ${batch:+--batch="$batch"} --width="$width" --json="$folder/$name.json" "$@"
}

compare() {
  on "$1" against 150 against_torch --precision="$precision" --compile --rounds="$rounds" \
    --seconds="$seconds"
}

install() {
  python3 -m venv "$folder/venv" && "$python" -m pip install --quiet -e '.[cuda12,benchmark]'
}
export -f install
export folder python

versions() {
  "$python" - <<'PROGRAM'
import jax, torch
device = jax.devices()[0]
print(f'JAX {jax.__version__}, PyTorch {torch.__version__}, {len(jax.devices())} x {device.device_kind}')
print(f'PyTorch sees {torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"}')
PROGRAM
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv || echo 'no nvidia-smi'
  git rev-parse HEAD
}
export -f versions

[[ -n ${PYTHON:-} ]] || part install 240 bash -c install
part versions 60 bash -c versions
for case in $against_first; do
  compare "$case"
done
for case in $dispatch; do
  on "$case" dispatch 90 dispatch --precision="$precision" --rounds="$rounds" --seconds="$seconds"
done
for case in $translated; do
  on "$case" translate 60 folder --images="$images"
done
part input 60 "$python" -m benchmarks.input_pipeline --rounds=1 --seconds="$seconds" \
  --sources="$sources" --json="$folder/input.json"
for case in $operations; do
  on "$case" operations 60 operations --precision="$precision" --folder="$folder/profile"
done
part resuming 150 "$python" -m benchmarks.resuming --steps="$steps" --training="$training" \
  --ways="$ways" --json="$folder/resuming.json"
for case in $against_then; do
  compare "$case"
done
