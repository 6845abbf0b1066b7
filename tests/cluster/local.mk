# cluster: hosts as network namespaces, a real Slurm on them
EXTRA_DIST += tests/cluster/standins.sh tests/cluster/net.sh tests/cluster/RESULTS.md
dist_check_SCRIPTS += tests/cluster/hosts.sh tests/cluster/slurm.sh tests/cluster/walk.sh \
    tests/cluster/faults.sh tests/cluster/gridengine.sh tests/cluster/queues.sh tests/soak.sh
