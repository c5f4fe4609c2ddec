import { codeSpan, plainMarkdown } from './markdown.js'
import type { PermittedOperation, ResourceScopes, ScopePermissions } from './scopes-table.js'

export interface ScopesPageOptions {
  /** Heading of the HTML page; `Scopes` by default. */
  title?: string | undefined
  /** Where your reference page shows an operation; without it, or where it answers undefined, nothing is linked. */
  operationUrl?: ((operation: PermittedOperation) => string | undefined) | undefined
}

/** The table as Markdown (GFM), a heading for each resource. */
export function scopesMarkdown (table: readonly ResourceScopes[], options: ScopesPageOptions = {}): string {
  const link = (word: string, url?: string): string => url === undefined
    ? plainMarkdown(word)
    : `[${plainMarkdown(word)}](<${url.replace(/[<>|\\\s]/g, encodeURIComponent)}>)`
  return table.map(({ title, scopes }) => [
    `## ${plainMarkdown(title)}`,
    '',
    '| Scope | Permissions |',
    '|---|---|',
    ...scopes.map((row) => `| ${codeSpan(row.scope).replaceAll('|', '\\|')} | ${permissionsOf(row, options, link)} |`),
    ''
  ].join('\n')).join('\n')
}

/** The table as a small page of its own: no scripts, nothing loaded from elsewhere. */
export function scopesHtml (table: readonly ResourceScopes[], options: ScopesPageOptions = {}): string {
  const { title = 'Scopes' } = options
  const link = (word: string, url?: string): string =>
    url === undefined ? escape(word) : `<a href="${escape(url)}">${escape(word)}</a>`
  const rowOf = (row: ScopePermissions): string =>
    `<tr><td><code>${escape(row.scope)}</code></td><td>${permissionsOf(row, options, link)}</td></tr>`
  const sections = table.map(({ title, scopes }) => `<h2>${escape(title)}</h2>
<table>
<thead><tr><th scope="col">Scope</th><th scope="col">Permissions</th></tr></thead>
<tbody>
${scopes.map(rowOf).join('\n')}
</tbody>
</table>`)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<h1>${escape(title)}</h1>
${sections.join('\n')}
</body>
</html>
`
}

const STYLE = `
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
table { border-collapse: collapse; width: 100%; table-layout: fixed }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0 }
th, td { border-bottom: 1px solid #8886; overflow-wrap: anywhere }
th:first-child { width: 45% }
code { font-family: ui-monospace, monospace; font-size: .9em }
`

function permissionsOf (
  { permissions, operations }: ScopePermissions,
  { operationUrl }: ScopesPageOptions,
  link: (word: string, url?: string) => string
): string {
  return permissions.map((word, i) => {
    const operation = operations[i]
    return link(word, operation && operationUrl?.(operation))
  }).join(', ') || '—'
}

function escape (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;').replaceAll("'", '&#39;')
}
