#!/bin/bash
# Grows crystals and relaxes them on several hosts of a Slurm cluster.
#
#   bash druse-array.sh SHARDS FOLDER OPTION...
#
# OPTION... are those of `druse sample`, without --out, --device and --shard. FOLDER lies on a file system that all
# hosts see; at the end it holds `grown` and `relaxed`, as one run of `druse sample` and `druse relax` would have left
# them. Four jobs wait for each other: an array that samples, a merge, an array that relaxes, a merge. Partition, time
# and GPUs are chosen with the variables of sbatch, such as SBATCH_PARTITION, SBATCH_TIMELIMIT and SBATCH_GPUS.
#
#   DRUSE          the program                    [default: druse]
#   DRUSE_DEVICE   cpu, wgpu or cuda              [default: cpu]
#   DRUSE_RELAX    further options of druse relax [default: none]
set -euo pipefail

druse=${DRUSE:-druse}
device=${DRUSE_DEVICE:-cpu}

# Status 1: some structures could not be handled, the rest was done.
run() { "$@" || [ $? -eq 1 ]; }

if [ "${1-}" != stage ]; then
    [ $# -ge 3 ] || { echo "usage: bash druse-array.sh SHARDS FOLDER OPTION..." >&2; exit 2; }
    shards=$1 folder=$2
    shift 2
    [[ $shards =~ ^[1-9][0-9]*$ ]] || { echo "'$shards' is not a number of shards; give 1 or more" >&2; exit 2; }
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    # What a finished or a running chain has left must not mix with a new one.
    [ -z "$(ls -A "$folder")" ] || { echo "$folder: holds files already; choose an empty folder" >&2; exit 2; }
    mkdir "$folder/logs"
    submit() {
        sbatch --parsable --kill-on-invalid-dep=yes --job-name="druse-$1" --output="$folder/logs/%x-%j.txt" "${@:2}"
    }
    a=$(submit sample --array="1-$shards" "$0" stage sample "$shards" "$folder" "$@")
    b=$(submit merge --dependency="afterok:$a" "$0" stage merge "$shards" "$folder" sampled grown)
    c=$(submit relax --dependency="afterok:$b" --array="1-$shards" "$0" stage relax "$shards" "$folder")
    d=$(submit merge --dependency="afterok:$c" "$0" stage merge "$shards" "$folder" relaxing relaxed)
    echo "jobs: sample $a, merge $b, relax $c, merge $d"
    exit
fi

stage=$2 shards=$3 folder=$4
shift 4
part=${SLURM_ARRAY_TASK_ID:-}
case $stage in
    sample)
        run "$druse" sample "$@" --device "$device" --shard "$part/$shards" --out "$folder/sampled-$part" ;;
    relax)
        # With --resume a task that Slurm starts again goes on where it was.
        # shellcheck disable=SC2086
        run "$druse" relax "$folder/grown" ${DRUSE_RELAX:-} --device "$device" --shard "$part/$shards" \
            --out "$folder/relaxing-$part" --resume ;;
    merge)
        # A merge that was started again begins anew.
        rm -rf "${folder:?}/$2"
        run "$druse" merge "$folder/$1"-* --out "$folder/$2" ;;
esac
