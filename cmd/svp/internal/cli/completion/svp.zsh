#compdef svp
# zsh completion for svp: source <(svp completion zsh)
_svp() {
    local line files=
    local -a candidates
    while IFS= read -r line; do
        case $line in
            :files|:folders) files=$line ;;
            *) candidates+=("$line") ;;
        esac
    done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( ${#candidates} )) && compadd -- "${candidates[@]}"
    case $files in
        :files) _files ;;
        :folders) _files -/ ;;
    esac
}
if [ "${funcstack[1]}" = _svp ]; then
    _svp "$@"
else
    compdef _svp svp
fi
