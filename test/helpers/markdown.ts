/** A page without its code blocks: what looks like a heading or a link there is none. */
function prose (markdown: string): string {
  return markdown.replace(/^```.*?^```$/gms, '')
}

/** The ids that links may point at: explicit ones, and those that the usual forges give to headings. */
export function anchorsOf (markdown: string): ReadonlySet<string> {
  const text = prose(markdown)
  const explicit = [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slugOf(heading))
  return new Set([...explicit, ...headings])
}

/** As GitHub makes them: lower case, hyphens for spaces, and of everything else letters, digits and `_` alone. */
function slugOf (heading: string): string {
  return heading.trim().toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-')
}

export interface Link {
  /** Relative to the page; empty for the page itself. */
  readonly path: string
  /** Undefined where it points at a whole page. */
  readonly anchor: string | undefined
}

/** Links that stay in the repository. */
export function relativeLinksOf (markdown: string): Link[] {
  return [...prose(markdown).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor] = target.split('#')
      return { path, anchor }
    })
}
