#!/bin/sh
# ranktune download against a hub on loopback (hub.py) that cuts connections, answers ranges wrongly, lies about sizes and
# digests, sends us to other hosts, and refuses: the files are right, or one clear line and the exit code say why not.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
hub_py=$(cd "${RT_SRCDIR:-$OLDPWD}" && pwd)/tests/fetch/hub.py
unset HF_TOKEN HF_TOKEN_PATH HF_HOME HF_ENDPOINT HF_HUB_OFFLINE HUGGING_FACE_HUB_TOKEN XDG_CACHE_HOME http_proxy https_proxy \
    HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy NO_PROXY no_proxy CURL_CA_BUNDLE SSL_CERT_FILE REQUESTS_CA_BUNDLE
export HOME="$tmp" HF_HUB_DOWNLOAD_TIMEOUT=2

if ! command -v python3 > /dev/null; then
    echo "1..0 # SKIP there is no python3 for the hub"
    exit 0
fi
export HF_ENDPOINT=http://127.0.0.1:9
run "$program" download a/b --local-dir x --retries 0
if grep -q 'built without libcurl' log; then
    check "a build without libcurl: exit $rc" rc_is 64
    check "a build without libcurl says what to install" one_error libcurl4-openssl-dev
    finish
fi
check "no hub there: exit $rc" rc_is 76
check "no hub there: says so" one_error 'http://127.0.0.1:9/api/models/a/b' 'HF_ENDPOINT'
check "no hub there: no folder is made" [ ! -e x ]

certificate=
if openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 2> /dev/null; then
    certificate="cert.pem key.pem"
fi
# shellcheck disable=SC2086  # two words or none
timeout 300 python3 "$hub_py" . $certificate &
hub=$!
trap 'kill "$hub" 2> /dev/null; rm -rf "$tmp"' EXIT
tries=0
while [ ! -e ready ] && [ $tries -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
HF_ENDPOINT=http://127.0.0.1:$(cat port.hub)

# get REPO ARGUMENT ...: into the folder of that name with "." for "/"
get() {
    get_repo=$1
    get_dir=$(echo "$1" | tr / .)
    shift
    run "$program" download "$get_repo" --local-dir "$get_dir" "$@"
}
same() { # DIR [TRUTH]: the repository's files and none besides
    diff -r -x .cache "${2:-truth}" "$1"
}
forget() {
    rm -f requests
    : > requests
}
asked() { # TEXT: how many requests had it
    grep -c -- "$1" requests
}
no_partials() {
    ! find "$1" -name '*.incomplete' | grep .
}

# ---- as it should be ----
forget
HF_TOKEN=hf_secret
export HF_TOKEN
get good/x
check "a whole repository: exit $rc" rc_is 0
check "a whole repository: the same files" same good.x
check "a whole repository: no partial file is left" no_partials good.x
check "a whole repository: the last line says what to write in a job" said 'model_name_or_path: good.x'
check "the token goes to the hub" [ "$(asked '^hub .*auth=yes')" -ge 7 ]
check "the token does not go to the other host" [ "$(asked '^cdn .*auth=no')" -eq 2 ]
check "the token is nowhere in what is printed or kept" sh -c '! grep -r hf_secret log good.x'
check "no colours, no bar where there is no terminal" sh -c "! grep -q \"\$(printf '[\\r\\033]')\" log"
unset HF_TOKEN
forget
get good/x
check "again: exit $rc" rc_is 0
check "again: only the list is asked for ($(lines requests) request)" [ "$(lines requests)" -eq 1 ]
forget
rm -r good.x/.cache
touch good.x/config.json
get good/x
check "again without records: digests tell, nothing is fetched" [ "$rc $(lines requests)" = "0 1" ]
printf x | dd of=good.x/model-00002-of-00002.safetensors bs=1 seek=5000 conv=notrunc 2> /dev/null
touch -d '2020-01-01' good.x/model-00002-of-00002.safetensors
forget
get good/x
check "damage behind the record's back: the record is believed" [ "$(lines requests)" -eq 1 ]
get good/x --verify
check "--verify finds it and fetches that file: exit $rc" [ "$(asked 'cdn GET good/model-00002')" -eq 1 ]
check "--verify: says which" said 'model-00002-of-00002.safetensors is not what the hub has'
check "--verify: the same files" same good.x
forget
echo '{}' > good.x/config.json
get good/x
check "a file of another size is fetched, the others are not" [ "$rc $(asked resolve) $(wc -c < good.x/config.json)" = "0 1 29" ]

mkdir -p .cache/huggingface && echo hf_of_login > .cache/huggingface/token
forget
get good/x --verify --quiet
check "a login's token file is used" [ "$(asked 'auth=yes')" -eq 1 ]
check "--quiet: not a word" [ "$rc $(lines log)" = "0 0" ]
rm -r .cache
echo "  hf_other  " > token
export HF_TOKEN_PATH=token
forget
get good/x
check "HF_TOKEN_PATH is used" [ "$rc $(asked 'auth=yes')" = "0 1" ]
unset HF_TOKEN_PATH
forget
run "$program" download good/data --repo-type dataset --local-dir=data.x
check "a data set: exit $rc" rc_is 0
check "a data set: the same files" same data.x truth.dataset
check "a data set: its own addresses" [ "$(asked 'hub GET datasets/good/data/resolve')" -eq 2 ]
run "$program" download good/x --local-dir some --include '*.json' --include 'sub/' --exclude 'token*'
check "--include and --exclude: $(cd some && find . -type f -not -path './.cache/*' | sort | tr '\n' ' ')" \
    [ "$(cd some && find . -type f -not -path './.cache/*' | wc -l)" -eq 2 ]
run "$program" download good/x --local-dir some --include '*.bin'
check "--include that matches nothing: exit $rc" rc_is 64
check "--include that matches nothing: says what there is" one_error 'config.json' '--include'
run "$program" download renamed/x --local-dir renamed.x --revision refs/pr/1 --max-workers 1
check "a repository that has moved, a revision with slashes: exit $rc" rc_is 0
check "a moved repository: the same files" same renamed.x
check "a revision with slashes is escaped" [ "$(asked 'revision/refs/pr/1')" -eq 1 ]

# ---- trouble that passes ----
# repo, what it does, what the requests must hold
passes() {
    forget
    get "$1"
    check "$2: exit $rc" rc_is 0
    check "$2: the same files" same "$(echo "$1" | tr / .)"
    check "$2: no partial file is left" no_partials "$(echo "$1" | tr / .)"
}
passes cut/x "connections cut every 400 kB"
check "cut: it goes on where it was ($(asked 'cdn .*range=bytes=400000-') ranges from 400000)" \
    [ "$(asked 'cdn .*range=bytes=400000-')" -eq 2 ]
check "cut: If-Range names what it was" [ "$(asked 'cdn .*if-range="cdn-')" -ge 8 ]
passes norange/x "200 where a part was asked for"
passes wrongrange/x "a Content-Range of another place"
check "a wrong Content-Range: the next try asks for all of it" [ "$(asked 'cdn GET wrongrange/model-00001.*range=-')" -eq 2 ]
passes wrongtotal/x "a Content-Range of another total"
passes norangeheader/x "a Content-Range that is none"
passes once/x "a damaged file the first time"
check "a damaged file: said" said 'and the hub'
passes expired/x "an address that has ended"
passes flaky/x "500, then 503"
start=$(date +%s)
passes busy/x "429 with Retry-After: 1, twice"
check "429: it waits that long" [ $(($(date +%s) - start)) -ge 2 ]
passes busylist/x "429 for the list"
passes stallonce/x "a connection on which nothing comes any more"
check "a stall: it is cut after HF_HUB_DOWNLOAD_TIMEOUT and gone on with" [ "$(asked 'cdn .*range=bytes=300000-')" -eq 2 ]
passes bare/x "a list of names alone, no tree"
check "names alone: HEAD asks for sizes and digests" [ "$(asked 'HEAD')" -eq 6 ]
forget
get bare/x
check "names alone, again: nothing is fetched" [ "$rc $(asked 'GET .*resolve')" = "0 0" ]
passes bareplain/x "names alone, and tags that are no digests"
forget
get bareplain/x
check "tags that are no digests, again: the records tell" [ "$rc $(asked 'GET .*resolve')" = "0 0" ]
passes pages/x "a list in pages"
check "a list in pages: all of them are read" [ "$(asked 'api/models/pages/x/tree')" -eq 7 ]

if command -v script > /dev/null; then
    TERM=xterm script -qec "$program download trickle/x --local-dir tty.x" tty.log > /dev/null 2>&1 < /dev/null
    check "on a terminal: a bar with bytes and files" grep -q 'download:.*%.*MB/4.2MB.*B/s, ./6 files' tty.log
else
    skip "a bar on a terminal" "there is no script(1)"
fi

# ---- stopped and gone on with ----
# trickle REPO: in the background, until the first file has some bytes
begin() {
    forget
    "$program" download "$1" --local-dir stop.x > log 2>&1 &
    pid=$!
    tries=0
    while [ "$(find stop.x -name 'model-00001*.incomplete' -size +100k 2> /dev/null | wc -l)" -eq 0 ] && [ $tries -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}
begin trickle/x
run "$program" download trickle/x --local-dir stop.x
check "a second download into the same folder: exit $rc" rc_is 73
check "a second download: says why" one_error 'another ranktune download'
kill -INT $pid
wait $pid
rc=$?
check "Ctrl-C: exit $rc" rc_is 75
check "Ctrl-C: the part is kept" find stop.x -name 'model-00001*.incomplete' -size +100k
begin trickle/x
kill -KILL $pid
wait $pid 2> /dev/null
held=$(find stop.x -name 'model-00001*.incomplete' -printf '%s')
forget
run "$program" download good/x --local-dir stop.x # the same files, by their digests
check "kill -9, then the same again: exit $rc" rc_is 0
check "kill -9: it goes on after $held bytes" [ "$(asked "cdn GET good/model-00001.*range=bytes=$held-")" -eq 1 ]
check "kill -9: the same files" same stop.x
check "kill -9: no partial file is left" no_partials stop.x
# A part of another version is not gone on with.
rm stop.x/model-00001-of-00002.safetensors
head -c 500000 /dev/zero > stop.x/.cache/huggingface/download/model-00001-of-00002.safetensors.incomplete
printf '0\n%064d\n0\n' 7 > stop.x/.cache/huggingface/download/model-00001-of-00002.safetensors.metadata
forget
run "$program" download good/x --local-dir stop.x
check "a part of another version: fetched from the start" [ "$rc $(asked 'cdn GET good/model-00001.*range=-')" = "0 1" ]
check "a part of another version: the same files" same stop.x
# A whole part whose name was not given yet.
mv stop.x/tokenizer.json stop.x/.cache/huggingface/download/tokenizer.json.incomplete
forget
run "$program" download good/x --local-dir stop.x
check "a part that is whole: no request for it" [ "$rc $(asked tokenizer)" = "0 0" ]
check "a part that is whole: the same files" same stop.x

# ---- trouble that does not pass ----
# fails REPO CODE WHAT TEXT ...
fails() {
    fails_repo=$1 fails_code=$2 fails_what=$3
    shift 3
    forget
    get "$fails_repo" --retries 1
    check "$fails_what: exit $rc" rc_is "$fails_code"
    check "$fails_what: $(grep '^ranktune: ' log | cut -c 1-110)" one_error "$@"
}
get cut/y --retries 0
check "--retries 0: cuts after which something more came are not counted: exit $rc" rc_is 0
fails changing/x 76 "a file that is another at each try" 'model-0000' 'the same command goes on'
fails dead/x 76 "a host that cuts every connection" 'model-0000' '2 tries in a row'
fails gone/x 66 "a host that does not have it" 'model-0000' '404 Not Found'
fails tiny/x 66 "a file that is shorter where it comes from" 'model-0000' 'it is 1000 bytes where it comes from'
fails larger/x 66 "a list with too large sizes" 'model-0000' 'where it comes from, and' "hub's list"
fails smaller/x 66 "a list with too small sizes" 'model-0000' "hub's list"
fails toolong/x 66 "more bytes than listed" 'model-0000' 'more than the'
fails baddigest/x 66 "a digest that is another" 'tokenizer.json' '0000000000' '3 times'
check "a digest that is another: the file is not there" [ ! -e baddigest.x/tokenizer.json ]
check "a digest that is another: the others are" cmp baddigest.x/model-00001-of-00002.safetensors truth/model-00001-of-00002.safetensors
check "a digest that is another: it was fetched three times" [ "$(asked 'resolve/.*tokenizer.json')" -eq 3 ]
fails missing/x 66 "a listed file that is not there" 'tokenizer.json' '404'
check "a listed file that is not there: the others are" [ -e missing.x/config.json ]
fails loop/x 66 "redirects without end" 'sent on more than 10 times'
fails down/x 76 "a hub that is down" '503 Service Unavailable'
fails html/x 66 "a page instead of a list" 'not JSON'
fails refused/none 66 "no such repository" 'there is no model refused/none' '--repo-type dataset'
fails refused/private 66 "a private repository" '401' 'HF_TOKEN'
fails refused/revision 66 "no such revision" 'has no revision "main"'
fails refused/gated 66 "a gated repository" 'accepted its terms' "$HF_ENDPOINT/refused/gated" 'HF_TOKEN'
export HF_TOKEN=x
fails refused/gated 66 "a gated repository, with a token" "the token's account"
unset HF_TOKEN
check "what a hub says cannot steer the terminal" sh -c "! grep -q \"\$(printf '\\033')\" log"
fails gatedfile/x 66 "gated files" 'gatedfile/x is given only to those'
fails refused/teapot 66 "an answer of no kind" '418'
for name in escape absolute inside git records; do
    fails $name/x 66 "a name that leaves the folder ($name)" 'nothing was fetched'
    check "a name that leaves the folder ($name): nothing is written" sh -c "[ ! -e $name.x ] && [ ! -e outside.txt ]"
done
check "nothing was written outside" [ ! -e /tmp/ranktune-outside.txt ]
fails twice/x 66 "a name twice" 'config.json' 'twice'
fails folder/x 66 "a name that is a file and a folder" 'config.json' 'folder'
fails badsize/x 66 "a size below 0" 'config.json' 'size'
fails huge/x 74 "a file that does not fit" 'are free there and' '--local-dir huge.x'
check "a file that does not fit: nothing was fetched" [ "$(asked resolve)" -eq 0 ]
(ulimit -f 2000 && get good/limit; echo "$rc" > limit.rc)
rc=$(cat limit.rc)
check "a disk that is full halfway: exit $rc" rc_is 74
check "a disk that is full halfway: says so" one_error 'File too large' 'goes on from what is here'
get good/limit
check "then with room: exit $rc" rc_is 0
check "then with room: the same files" same good.limit
mkdir -p taken.x/config.json
run "$program" download good/x --local-dir taken.x
check "a folder where a file should go: exit $rc" rc_is 73
run "$program" download good/x --local-dir key.pem/below
check "a folder that cannot be made: exit $rc" rc_is 73
for repo in 'org/name/more' '../x' 'a b/c' '' 'http://hub/a/b'; do
    run "$program" download "$repo" --local-dir y
    check "a repository called \"$repo\": exit $rc" rc_is 64
done
export HF_HUB_OFFLINE=1
get good/x
unset HF_HUB_OFFLINE
check "HF_HUB_OFFLINE: exit $rc" rc_is 64
real=$HF_ENDPOINT
HF_ENDPOINT=ftp://127.0.0.1
get good/x
check "an endpoint that is no http: exit $rc" rc_is 64
HF_ENDPOINT=$real
get good/x --max-workers 0
check "--max-workers 0: exit $rc" rc_is 64

# ---- ways there ----
for variable in http_proxy HTTP_PROXY ALL_PROXY; do
    forget
    rm -rf good.x
    HF_ENDPOINT=http://hub.invalid env "$variable=$real" "$program" download good/x --include config.json --local-dir good.x > log 2>&1
    rc=$?
    check "$variable: exit $rc, $(asked via=proxy) requests through it" [ "$rc $(asked via=proxy)" = "0 2" ]
done
if [ -e port.tls ]; then
    HF_ENDPOINT=https://127.0.0.1:$(cat port.tls)
    fails good/tls 76 "a certificate that nobody vouches for" 'certificate'
    export SSL_CERT_FILE=cert.pem
    get good/tls --include '*.json'
    check "SSL_CERT_FILE vouches for it: exit $rc" rc_is 0
    fails downgrade/tls 66 "sent on from https to http" 'which is refused'
    check "sent on from https to http: the other host hears nothing" [ "$(asked '^cdn')" -eq 0 ]
    unset SSL_CERT_FILE
else
    skip "https" "there is no openssl to make a certificate"
fi
finish
