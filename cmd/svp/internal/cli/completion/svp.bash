# bash completion for svp: eval "$(svp completion bash)"
_svp() {
    local line current=${COMP_WORDS[COMP_CWORD]} files=
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :files) files=-f ;;
            :folders) files=-d ;;
            *) COMPREPLY+=("$line") ;;
        esac
    done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [[ -n $files ]]; then
        compopt -o filenames 2>/dev/null || :
        if [[ $current == = ]]; then current=; fi
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done < <(compgen "$files" -- "$current")
    fi
}
complete -F _svp svp
