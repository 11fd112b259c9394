#!/bin/bash
# Runs cluster/slurm.sbatch and slurm_compare.sbatch under a real Slurm of two nodes on one machine.
#
#   apt-get install slurm-wlm munge
#   PYTHON=.venv/bin/python cluster/try_slurm.sh
#
# Run it as root, on a machine that is not part of a cluster. It keeps everything in a temporary
# folder and leaves nothing behind. Unlike on a cluster, both nodes are this machine (slurmd -N, under
# two of its names, because JAX looks for the first task by the name of its node), and there are no
# cgroups (proctrack/linuxproc, task/none), no systemd and no GPUs.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHON=${PYTHON:-.venv/bin/python}
for program in munged slurmctld slurmd sbatch; do
  command -v $program > /dev/null || {
    echo "error: $program is missing: apt-get install slurm-wlm munge" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo 'error: run this as root, which munged and slurmd need.' >&2; exit 2; }
{ pidof slurmctld || pidof slurmd || pidof munged; } > /dev/null && {
  echo 'error: Slurm or munge is already running here; use a machine without.' >&2; exit 2; }

folder=$(mktemp -d)
host=$(hostname -s)
cleanup() {
  scancel --user=root 2> /dev/null || true
  for _ in $(seq 60); do [ -z "$(squeue -h 2> /dev/null)" ] && break; sleep 0.5; done
  for file in "$folder"/*.pid; do kill "$(cat "$file")" 2> /dev/null || true; done
  # The daemons write until they end.
  for _ in $(seq 20); do rm -rf "$folder" 2> /dev/null && break; sleep 0.5; done
}
trap cleanup EXIT
chmod 755 "$folder"
mkdir "$folder"/{state,spool-$host,spool-localhost,runs}

# munge, which authenticates users, with its own key and socket.
head -c 1024 /dev/urandom > "$folder/munge.key"
chmod 400 "$folder/munge.key"
munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
  --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munge.seed"

export SLURM_CONF=$folder/slurm.conf
cat > "$SLURM_CONF" <<END
ClusterName=tryout
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthInfo=socket=$folder/munge.socket
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
ReturnToService=2
KillWait=60
MailProg=/bin/true
NodeName=$host,localhost NodeHostname=$host NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=all Nodes=$host,localhost Default=YES MaxTime=INFINITE State=UP
END
slurmctld
slurmd -N "$host"
slurmd -N localhost
for _ in $(seq 60); do [ "$(sinfo -h -N -o %T | grep -c idle)" = 2 ] && break; sleep 0.5; done
sinfo -N

wait_for() {  # seconds, what for, command
  for _ in $(seq $((2 * $1))); do
    if eval "$3"; then return; fi
    [ "$(state "$job")" = FAILED ] && break
    sleep 0.5
  done
  echo "error: no $2 within $1 s; the job is $(state "$job")" >&2
  tail -n 30 "$folder"/*.out "$folder"/slurmctld.log >&2
  exit 1
}
again() {  # job
  # Slurm starts a requeued job after two minutes. Within the second of the requeue, slurmd would take
  # it for the old one and refuse it: "Job credential revoked".
  sleep 3
  scontrol update jobid="$1" StartTime=now
}
state() { scontrol show job "$1" | grep -o "JobState=[A-Z]*" | cut -d= -f2; }
report() { echo "$(date +%T) $*"; }

SETTINGS="--dataset=synthetic --preset=demo --data_dir=$folder/data --image_size=32 --base_width=8
  --discriminator_width=8 --batch_size=8 --steps=400 --checkpoint_every=200 --log_every=10
  --decay_start=0 --decay_epochs=0"
TWO_TASKS="--parsable --nodes=2 --ntasks-per-node=1 --cpus-per-task=1"

report '1. Two tasks on two nodes train one model, and are requeued halfway.'
log=$folder/stopped.out run=$folder/runs/stopped
job=$(sbatch $TWO_TASKS --output="$log" cluster/slurm.sbatch $SETTINGS --workdir="$run")
wait_for 240 'training' '[ -f "$run/metrics.csv" ] && [ $(wc -l < "$run/metrics.csv") -ge 6 ]'
report "scontrol requeue $job, after $(($(wc -l < "$run/metrics.csv") - 1)) lines of metrics.csv"
scontrol requeue "$job"
wait_for 60 'stop' 'grep -qs "Stopped by signal 15" "$log"'
report "$(grep -m1 'Stopped by signal 15' "$log")"
wait_for 60 'requeued job' '[ "$(state "$job")" = PENDING ]'
again "$job"
wait_for 300 'end' '[ "$(state "$job")" = COMPLETED ]'
report "$(scontrol show job "$job" | grep -o 'Restarts=[0-9]*'), $(state "$job")"
grep -oE "[^,]* done: resuming|Trained [0-9]* steps|.*processes.*" "$log" | sed 's/^/    /'

report '2. The same run without a stop.'
job=$(sbatch $TWO_TASKS --output="$folder/whole.out" cluster/slurm.sbatch $SETTINGS \
  --workdir="$folder/runs/whole")
wait_for 300 'end' '[ "$(state "$job")" = COMPLETED ]'
figures() { rev "$1/metrics.csv" | cut -d, -f3- | rev; }  # all but images_per_second and data_wait
cmp <(figures "$folder/runs/whole") <(figures "$run")
cmp "$folder/runs/whole/validation.csv" "$run/validation.csv"
report "metrics.csv ($(($(wc -l < "$run/metrics.csv") - 1)) lines, except for times) and validation.csv are equal"

report '3. A task is killed: the other one ends, and Slurm starts both again.'
log=$folder/killed.out run=$folder/runs/killed
job=$(sbatch $TWO_TASKS --output="$log" cluster/slurm.sbatch $SETTINGS --workdir="$run")
wait_for 240 'training' '[ -f "$run/metrics.csv" ] && [ $(wc -l < "$run/metrics.csv") -ge 26 ]'
kill -KILL "$(pgrep -f "experiments.train.*$run" | tail -n 1)"
wait_for 120 'requeued job' '[ "$(state "$job")" = PENDING ]'
again "$job"
wait_for 300 'end' '[ "$(state "$job")" = COMPLETED ]'
grep -oE "error:.*|[^,]* done: resuming|Trained [0-9]* steps" "$log" | sed 's/^/    /'
cmp "$folder/runs/whole/validation.csv" "$run/validation.csv"
report 'validation.csv is equal to that of the run without a stop'

report '4. The time limit is reached: the job requeues itself.'
log=$folder/late.out run=$folder/runs/late
job=$(sbatch $TWO_TASKS --time=3 --output="$log" cluster/slurm.sbatch $SETTINGS --steps=100000 \
  --workdir="$run")
wait_for 240 'stop after a step' 'grep -qs "Stopped by signal 15" "$log"'
wait_for 60 'job that queued itself again' 'scontrol show job "$job" | grep -q Restarts=1'
grep -oE "Stopped by signal.*" "$log" | sed 's/^/    /'
scancel "$job"

report '5. A comparison of two jobs as an array.'
"$PYTHON" -m experiments.compare --output="$folder/compared" $SETTINGS --steps=20 \
  --checkpoint_every=20 --models=paired --seeds=2 --print_jobs > "$folder/jobs"
sbatch --wait --cpus-per-task=1 --array=0-1 --output="$folder/compare-%a.out" \
  cluster/slurm_compare.sbatch "$folder/compared"
"$PYTHON" -m experiments.compare --output="$folder/compared" --report_only | sed -n 1,3p
report 'Everything works.'
