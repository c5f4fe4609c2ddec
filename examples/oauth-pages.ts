import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type Provider from 'oidc-provider'
import { users } from './oauth-people.js'

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>

/** The pages at which demo users sign in and say what an application may do. */
export function createPages (provider: Provider, resource: string) {
  async function answer (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const interaction = await provider.interactionDetails(request, response)
    if (request.method === 'POST') return await submit(interaction, request, response)
    response.end(page(interaction.prompt.name === 'login' ? loginForm('') : consentForm(interaction)))
  }

  async function submit (interaction: Interaction, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await text(request))
    if (form.has('deny')) return await finish(request, response, { error: 'access_denied', error_description: 'The user said no.' })
    if (interaction.prompt.name === 'consent') return await finish(request, response, { consent: { grantId: await allow(interaction) } })
    const name = form.get('user') ?? ''
    const user = users.get(name)
    if (user !== undefined && user.password === form.get('password')) await finish(request, response, { login: { accountId: name } })
    else response.end(page(loginForm('There is no such user with this password.')))
  }

  async function finish (request: IncomingMessage, response: ServerResponse, result: Parameters<Provider['interactionFinished']>[2]): Promise<void> {
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true })
  }

  /** Grants what was asked for, and nothing beside it. */
  async function allow ({ session, params, grantId, prompt: { details } }: Interaction): Promise<string> {
    const known = grantId === undefined ? undefined : await provider.Grant.find(grantId)
    const grant = known ?? new provider.Grant({ accountId: session?.accountId, clientId: String(params.client_id) })
    if (Array.isArray(details.missingOIDCScope)) grant.addOIDCScope(details.missingOIDCScope.join(' '))
    const scopes = scopesOf(details, resource)
    if (scopes.length > 0) grant.addResourceScope(resource, scopes.join(' '))
    return await grant.save()
  }

  function consentForm ({ params, session, prompt: { details } }: Interaction): string {
    const items = scopesOf(details, resource).map((scope) => `<li>${escape(scope)}</li>`).join('')
    return `<h1>Allow ${escape(params.client_id)}?</h1>
<p>${escape(users.get(session?.accountId ?? '')?.name)}, it asks for</p><ul>${items}</ul>
<form method="post"><button name="allow">Allow</button> <button name="deny">Deny</button></form>`
  }

  return function pages (request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.setHeader('cache-control', 'no-store')
    answer(request, response).catch(() => {
      response.statusCode = 400
      response.end(page('<h1>This page is over</h1><p>Begin again where you came from.</p>'))
    })
  }
}

function scopesOf (details: Interaction['prompt']['details'], resource: string): string[] {
  const missing: { readonly [resource: string]: unknown } = Object.assign({}, details.missingResourceScopes)
  const scopes = missing[resource]
  return Array.isArray(scopes) ? scopes.map(String) : []
}

function loginForm (complaint: string): string {
  return `<h1>Sign in</h1><p role="alert">${complaint}</p>
<form method="post">
<label>User <input name="user" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button>
</form>`
}

function page (body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Platform</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; max-width: 24rem; margin: 4rem auto; padding: 0 1rem } label { display: block; margin: .5rem 0 } input { width: 100%; font: inherit }</style>
${body}</html>`
}

function escape (value: unknown): string {
  return String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
