
# Bash cuts words at `=`. They are joined again, a flag is parted from its value, and what is offered loses what stands
# before the cut.
_brimful_joined() {
    local -a words=()
    local word cut flag="" after=""
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ ${#words[@]} -gt 0 && ($word == =* || -n $after) ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
        [[ $word == = ]] && after=yes || after=""
    done
    word=${words[${#words[@]}-1]}
    if [[ $word == --*=* ]]; then
        flag=${word%%=*}
        word=${word#*=}
        words[${#words[@]}-1]=$flag
        words+=("$word")
    fi
    local -a COMP_WORDS=("${words[@]}")
    local COMP_CWORD=$((${#words[@]} - 1))
    _brimful "$1" "$word" "${words[COMP_CWORD-1]}"
    if [[ $COMP_WORDBREAKS == *=* ]]; then
        cut=${word%"${word##*=}"}
        COMPREPLY=("${COMPREPLY[@]#"$cut"}")
    elif [[ -n $flag ]]; then
        COMPREPLY=("${COMPREPLY[@]/#/$flag=}")
    fi
    # A value is still to come.
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
