/** The scripts that shells load: each asks `__complete` with the words up to the cursor, and offers files where we offer nothing. */

export const shells = ["bash", "zsh", "fish"] as const;

/** The script for a shell and the name that we are called by; null for a shell that we do not know. */
export function completionScript(name: string, shell: string): string | null {
  if (shell === "bash") return bash(name);
  if (shell === "zsh") return zsh(name);
  return shell === "fish" ? fish(name) : null;
}

/** Bash cuts words at `=` and `:` too (COMP_WORDBREAKS): they are put together again, and what it keeps is not offered twice. */
const bash = (name: string): string => `_${name}_complete() {
  local rest=$COMP_LINE gap cur i
  local -a words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    gap=\${rest%%[![:space:]]*}
    rest=\${rest#"$gap"}
    if [[ $i -eq 0 || -n $gap ]]; then words+=("\${COMP_WORDS[i]}"); else words[-1]+=\${COMP_WORDS[i]}; fi
    rest=\${rest#"\${COMP_WORDS[i]}"}
  done
  cur=\${words[-1]}
  mapfile -t COMPREPLY < <(${name} __complete "\${words[@]:1}" 2>/dev/null)
  if [[ $cur == *[=:]* ]]; then COMPREPLY=("\${COMPREPLY[@]#"\${cur%"\${cur##*[=:]}"}"}"); fi
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *: ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o default -F _${name}_complete ${name}
`;

/** Loaded by \`source\`, or found as \`_NAME\` in fpath: then the first call is what loads it. */
const zsh = (name: string): string => `#compdef ${name}
_${name}() {
  local -a found
  found=("\${(@f)$(${name} __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  found=(\${found:#})
  if (( \${#found} == 0 )); then
    _files
  elif [[ \${#found} == 1 && $found[1] == *: ]]; then
    compadd -S '' -- "\${found[@]}"
  else
    compadd -- "\${found[@]}"
  fi
}
if [[ "$funcstack[1]" == "_${name}" ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;

const fish = (name: string): string => `function __${name}_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (${name} __complete $words[2..-1] 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c ${name} -f -a '(__${name}_complete)'
`;
