# shellcheck shell=bash disable=SC2034 # used by the scripts that source it

# percent_encode TEXT sets encoded. Bytewise, because a URL is made of bytes
# whatever the locale says.
percent_encode() {
    local LC_ALL=C char code i
    encoded=''
    for ((i = 0; i < ${#1}; i++)); do
        char=${1:i:1}
        case $char in
            [A-Za-z0-9._~-]) encoded+=$char ;;
            *)
                printf -v code %d "'$char"
                printf -v code %%%02X $((code & 255))
                encoded+=$code
                ;;
        esac
    done
}
