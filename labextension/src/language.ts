/** The language that the page speaks, for Python to speak it too. */

/** Return e.g. `zh_CN`; nothing where JupyterLab (before 4.3) follows the system's own. */
export function languageOf(translator: { readonly languageCode?: string } | null): string {
  return translator?.languageCode ?? '';
}
