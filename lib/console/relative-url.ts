/**
 * The shortest reference from a page to a path of the same server. A browser resolves it against the URL that it knows,
 * so that the page works behind a proxy that adds a prefix.
 *
 * @param from path of the page, which ends with a slash
 * @param to path, or a URL of another server, which is returned as it is
 */
export function relativeUrl (from: string, to: string): string {
  if (!to.startsWith('/') || to.startsWith('//')) return to
  const [base, target] = [from.split('/').slice(0, -1), to.split('/')]
  let common = 0
  while (common < base.length && common < target.length - 1 && base[common] === target[common]) common++
  const path = '../'.repeat(base.length - common) + target.slice(common).join('/')
  return path === '' || /^[^/]*:/.test(path) ? `./${path}` : path
}
