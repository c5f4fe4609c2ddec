/** Text that Markdown shows as it is. */
export function plainMarkdown (text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_<>[\]|&~]/g, '\\$&')
}

/** A code span; its fence is longer than any run of backticks in it. */
export function codeSpan (text: string): string {
  const fence = '`'.repeat(1 + Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length)))
  const padding = fence === '`' ? '' : ' '
  return fence + padding + text + padding + fence
}
