# Runs a program for as long as its owner lives.
#
#   keeper.sh SIGNAL SCRAP PROGRAM ARGUMENT...
#
# Standard input is a pipe that the owner holds and never writes to: when it closes, the owner is
# gone, however it went. Then the program gets SIGNAL and, once it has ended, the directory SCRAP
# (may be empty) is removed. The first line on standard output is the program's process id; the
# rest is its own. Ends with the program's exit status.
signal=$1 scrap=$2
shift 2
exec 3<&0
sh -c 'echo $$ && exec "$@"' program "$@" </dev/null 3<&- &
child=$!
exec >&-
gone=
# A suspended program takes the signal only once it goes on.
trap 'gone=yes; kill -s "$signal" "$child"; kill -s CONT "$child"' USR1
{ read -r _ <&3; kill -s USR1 $$; } &
watcher=$!
exec 3<&-
wait "$child"
status=$?
if [ -n "$gone" ]; then
    wait "$child"
    status=$?
    if [ -n "$scrap" ]; then rm -rf "$scrap"; fi
fi
kill "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
exit "$status"
