#!/bin/bash
# Runs a program in a root file system and in namespaces of its own: mounts, processes, hostname, shared memory.
#
#   enter.sh prepare DIRECTORY HOSTNAME USER WORKING_DIRECTORY READY LAYERS [MOUNT]... -- PATH PROGRAM...
#
# DIRECTORY/names has the files of this container alone that say where it is. What it writes itself is kept in memory,
# over the read-only LAYERS of its image: making the thousands of files of WordPress on a busy disk takes seconds.
#
# A MOUNT is four arguments: a directory of this machine, where the container sees it, an owner, and `rw` or `ro`. If the
# owner is user:group, everything in the directory seems to belong to them, and what the container makes there does.
#
# The process number of the program is written to the file descriptor READY once everything is in place.
#
# It begins in a mount namespace of its own, so whatever it mounts is gone with its last process. It calls itself twice:
# `launch` is the parent of process 1 of the container, and `inside` becomes that process.
set -euo pipefail

# The environment is the program's, and says nothing about where this machine's programs are.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

step=$1 directory=$2 hostname=$3 user=$4 working_directory=$5 ready=$6
shift 6
scratch=$directory/scratch
root=$scratch/root

mount_devices() {
    local device
    mkdir -p "$root/dev"
    mount -t tmpfs -o mode=755,size=64k tmpfs "$root/dev"
    for device in null zero full random urandom tty; do
        : >"$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
    ln -s /proc/self/fd "$root/dev/fd"
    ln -s /proc/self/fd/0 "$root/dev/stdin"
    ln -s /proc/self/fd/1 "$root/dev/stdout"
    ln -s /proc/self/fd/2 "$root/dev/stderr"
    mkdir "$root/dev/shm"
    mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/dev/shm"
}

# bindfs presents a directory as if all of it belonged to one user. It runs as long as the container: it dies with this
# process, and is killed with this process group.
present_owned() {
    local source=$1 presented=$2 user=${3%:*} group=${3#*:} attempt
    setpriv --pdeathsig KILL bindfs -f --multithreaded \
        --force-user="$user" --force-group="$group" --create-for-user="$user" --create-for-group="$group" \
        --chown-ignore --chgrp-ignore "$source" "$presented" </dev/null >"$scratch/bindfs.log" 2>&1 &
    for ((attempt = 0; attempt < 1000; attempt++)); do
        mountpoint -q "$presented" && return
        kill -0 $! 2>/dev/null || break
        sleep 0.005
    done
    echo >&2 "bindfs does not present $source: $(cat "$scratch/bindfs.log")"
    return 1
}

mount_volume() {
    local source=$1 target=$root$2 owner=$3 mode=$4
    # What an earlier mount contains must not lead this one out of the container.
    case $(realpath --canonicalize-missing "$target") in
        "$root"/*) mkdir -p "$target" ;;
        *) echo >&2 "$2 is a link that leads out of the container" && return 1 ;;
    esac
    if [ -n "$owner" ]; then
        # bindfs wants an empty directory. In an image, the target may have files.
        local presented
        presented=$(mktemp -d "$scratch/volume-XXXXXX")
        present_owned "$source" "$presented" "$owner"
        source=$presented
    fi
    mount --bind "$source" "$target"
    mount -o "remount,bind,$mode" "$target"
}

prepare() {
    local layers=$1
    shift
    mkdir -p "$scratch"
    mount -t tmpfs -o mode=755,size=4g tmpfs "$scratch"
    mkdir "$scratch"/{upper,work,root}
    cp -R "$directory/names/." "$scratch/upper"
    mount -t overlay overlay "$root" -o "lowerdir=$layers,upperdir=$scratch/upper,workdir=$scratch/work"
    mount_devices
    while [ "$1" != -- ]; do
        mount_volume "$1" "$2" "$3" "$4"
        shift 4
    done
    shift
    # The first process that begins after this is process 1 of a namespace of its own.
    exec unshare --pid --uts --ipc -- bash -p "$0" launch "${arguments[@]}" "$@"
}

# The program dies with this process, which ends as the program does: with 128 + number for a signal. What the shell says
# of a signal is no output of the program. The program has a session of its own, as in Docker: Apache signals its whole
# process group.
launch() {
    exec 8>&2 2>/dev/null
    set +e
    setpriv --pdeathsig KILL setsid bash -p "$0" inside "${arguments[@]}" "$@" 2>&8 8>&-
    exit $?
}

inside() {
    local path=$1 process
    shift
    # /proc is still the machine's, so it says this process's number there.
    read -r process _ </proc/self/stat
    mkdir -p "$root/proc" "$root/.machine"
    mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
    echo "$hostname" >/proc/sys/kernel/hostname

    # What root may do in a container of Docker. It cannot mount anything, or make a device.
    local capabilities=+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+setfcap,+net_bind_service
    local identity=(--bounding-set "-all,$capabilities,+net_raw,+sys_chroot,+audit_write")
    case $user in
        '') ;;
        *:*) identity+=(--reuid "${user%:*}" --regid "${user#*:}" --clear-groups) ;;
        *) identity+=(--reuid "$user" --regid "$user" --init-groups) ;;
    esac

    cd "$root"
    pivot_root . .machine
    cd /
    unset SHLVL OLDPWD
    umask 022
    exec 9>&"$ready" {ready}>&-
    PATH=$path
    export PATH
    # From here on every program is the image's. The last trace of the machine's files goes first.
    exec /bin/sh -c '
        /bin/umount -l /.machine && /bin/rmdir /.machine && cd "$0" && unset PWD OLDPWD && echo "$1" >&9 && exec 9>&- &&
        shift && exec /usr/bin/setpriv "$@"
    ' "$working_directory" "$process" "${identity[@]}" -- "$@"
}

arguments=("$directory" "$hostname" "$user" "$working_directory" "$ready")
"$step" "$@"
