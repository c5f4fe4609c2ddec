import type { FastifyInstance, FastifyRequest } from 'fastify'

/** People of a demo, by the text of their session. */
export type DemoSessions<P> = ReadonlyMap<string, P>

/**
 * Two people and a cookie in place of a log-in of yours. Never use it: who knows a name is signed in.
 * @param home where a person goes who has signed in
 * @returns who is signed in
 */
export function demoSignIn<P extends { readonly owner: string }> (app: FastifyInstance, sessions: DemoSessions<P>, home: string) {
  const schema = { security: [], hide: true }
  const cookie = (text: string, seconds: number) => `demo-session=${text}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}`

  app.register(async function signIn (app) {
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(String(body))))
    })
    app.get('/sign-in', { schema }, (_request, reply) => { reply.headers(HEADERS).send(pageOf(sessions)) })
    app.post<{ Body: { session?: string } | undefined }>('/sign-in', { schema }, ({ body }, reply) => {
      const { session = '' } = body ?? {}
      if (!sessions.has(session)) return reply.redirect('sign-in', 303)
      return reply.header('set-cookie', cookie(session, 86_400)).redirect(home, 303)
    })
    app.get('/sign-out', { schema }, (_request, reply) => { reply.header('set-cookie', cookie('', 0)).redirect('sign-in', 303) })
  })

  return function whoIsSignedIn ({ headers }: FastifyRequest): P | undefined {
    const [, session = ''] = /(?:^|; )demo-session=([^;]*)/.exec(headers.cookie ?? '') ?? []
    return sessions.get(session)
  }
}

const HEADERS = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'" }

function pageOf (sessions: DemoSessions<{ readonly owner: string }>): string {
  const buttons = [...sessions].map(([session, { owner }]) => `<button name="session" value="${session}">Sign in as ${owner}</button>`)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sign in</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
form { display: grid; gap: 0.75rem; max-width: 22rem; margin: 20vh auto; padding: 0 1rem }
button { padding: 0.75rem; font: inherit; cursor: pointer }
</style></head>
<body><form method="post"><h1>Sign in</h1>
${buttons.join('\n')}
</form></body></html>
`
}
