import type { Strings } from './element/strings.js'

/** What the page says and refers to. Every value is text, not markup. */
export interface Page {
  readonly title: string
  readonly lang: string
  readonly script: string
  /** Later ones win. */
  readonly styles: readonly string[]
  readonly element: 'latchkey-keys' | 'latchkey-webhooks'
  /** Of the element. */
  readonly attributes: Readonly<Record<string, string>>
  /** None without tabs. */
  readonly tabs: readonly Tab[]
  /** Who is signed in. */
  readonly person?: string | undefined
  readonly signOut?: string | undefined
  readonly texts: Pick<Strings, 'signOut' | 'needsScript'>
}

interface Tab {
  readonly label: string
  readonly href: string
  readonly isCurrent: boolean
}

export function pageHtml (page: Page): string {
  const { title, lang, script, styles, element, attributes, tabs, person, signOut, texts } = page
  const given = Object.entries(attributes).map(([name, value]) => ` ${name}="${escape(value)}"`).join('')
  const who = person === undefined ? '' : `<span class="person"><bdi>${escape(person)}</bdi></span>`
  const out = signOut === undefined ? '' : `<a href="${escape(signOut)}">${escape(texts.signOut)}</a>`
  const module = `<script type="module" src="${escape(script)}"></script>`
  return documentOf(title, lang, [...styles.map(styleLink), module], `
<header class="page-head"><h1>${escape(title)}</h1>${who}${out}</header>
<latchkey-settings>${tabsHtml(title, tabs)}
<main>
<${element}${given}></${element}>
<noscript><p>${escape(texts.needsScript)}</p></noscript>
</main>
</latchkey-settings>`)
}

/** Links, so that each tab has a URL of its own, which survives a reload and a click on Back. */
function tabsHtml (title: string, tabs: readonly Tab[]): string {
  if (tabs.length === 0) return ''
  const links = tabs.map(({ label, href, isCurrent }) =>
    `<a href="${escape(href)}"${isCurrent ? ' aria-current="page"' : ''}>${escape(label)}</a>`)
  return `\n<nav class="tabs" aria-label="${escape(title)}">${links.join('')}</nav>`
}

/** A page that says one thing, such as that a person must sign in. */
export function noticeHtml ({ title, lang, styles }: Pick<Page, 'title' | 'lang' | 'styles'>, text: string): string {
  return documentOf(title, lang, styles.map(styleLink), `
<main class="page-notice"><h1>${escape(title)}</h1><p>${escape(text)}</p></main>`)
}

function documentOf (title: string, lang: string, head: readonly string[], body: string): string {
  return `<!doctype html>
<html lang="${escape(lang)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<link rel="icon" href="data:,">
${head.join('\n')}
</head>
<body>${body}
</body>
</html>
`
}

function styleLink (href: string): string {
  return `<link rel="stylesheet" href="${escape(href)}">`
}

function escape (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;').replaceAll("'", '&#39;')
}

/** The page around the element; the element has its own. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; background: light-dark(#ffffff, #14171d); color: light-dark(#1a2130, #e8ebf1) }
body { margin: 0; font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif }
.page-head {
  display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; align-items: center; padding: 0.75rem max(1rem, 50vw - 36rem);
  border-bottom: 1px solid light-dark(#dde1e8, #323947); background: light-dark(#f4f6f9, #1d222b)
}
.page-head h1 { flex: 1; margin: 0; font-size: 1rem }
.page-head a { color: inherit }
.person { color: light-dark(#556074, #a5aebd); overflow-wrap: anywhere }
.tabs {
  display: flex; gap: 1.5rem; padding: 0 max(1rem, 50vw - 36rem); border-bottom: 1px solid light-dark(#dde1e8, #323947)
}
.tabs a {
  padding: 0.625rem 0; border-block: 2px solid transparent; color: light-dark(#556074, #a5aebd); text-decoration: none
}
.tabs a:hover { color: inherit }
.tabs [aria-current] { border-block-end-color: currentColor; color: inherit; font-weight: 600 }
main { max-width: 72rem; margin: 0 auto; padding: 1.75rem 1rem 4rem }
latchkey-settings { display: block }
.page-notice { text-align: center; padding-top: 20vh }
`
