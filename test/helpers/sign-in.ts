/** A person without a browser: follows redirects, keeps cookies, fills in the forms. */
export interface Person {
  readonly user: string
  readonly password: string
  /** What to press at the question whether an application may. */
  readonly consent?: 'allow' | 'deny'
}

/** Goes from the authorization URL to where the application is called back. @returns that URL, and the pages that were seen */
export async function signIn (start: URL, { user, password, consent = 'allow' }: Person): Promise<{ callback: URL, pages: string[] }> {
  const cookies = new Map<string, string>()
  const pages: string[] = []
  let url = start
  let form: URLSearchParams | undefined

  for (let step = 0; step < 12; step++) {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...form !== undefined && { method: 'POST', body: form }
    })
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
    }
    const location = response.headers.get('location')
    const page = await response.text()
    if (location !== null) {
      url = new URL(location, url)
      form = undefined
      if (url.origin !== start.origin) return { callback: url, pages }
    } else {
      pages.push(page)
      form = page.includes('name="password"') ? new URLSearchParams({ user, password }) : new URLSearchParams({ [consent]: '' })
      if (response.status !== 200 || !page.includes('<form')) throw new Error(`the page at ${url.pathname} has no form: ${response.status}`)
    }
  }
  throw new Error('signed in for ever')
}
