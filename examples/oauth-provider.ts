import { hash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import Provider, { type ClientMetadata, type Configuration } from 'oidc-provider'
import { listenOn, type Listening } from './front.js'
import { createPages } from './oauth-pages.js'
import { companies, users } from './oauth-people.js'

/** This API, as the authorization server and its tokens name it. */
export const RESOURCE = 'https://api.platform.com'

/** How the API itself asks whether an opaque token is good. */
export const introspector = { id: 'api', secret: 'demo-secret-of-the-api-for-introspection' }

/** Who may ask for tokens. What is secret here is for this machine alone. */
const clients: ClientMetadata[] = [
  { client_id: 'console', client_name: 'Console', ...publicApp('http://127.0.0.1/callback') },
  { client_id: 'docs', client_name: 'Reference page', ...publicApp('http://127.0.0.1/docs/static/oauth2-redirect.html') },
  { client_id: 'partner', client_name: 'Partner', client_secret: 'demo-secret-of-the-partner-opaque', ...app('http://127.0.0.1/callback') },
  { client_id: 'reports', client_secret: 'demo-secret-of-the-nightly-reports', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
  { client_id: introspector.id, client_secret: introspector.secret, grant_types: [], redirect_uris: [], response_types: [] }
]

/** Companies that clients without a user act for. */
const companyOf: Readonly<Record<string, string>> = { reports: 'acme' }

function app (redirectUri: string): Partial<ClientMetadata> {
  return { application_type: 'native', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], redirect_uris: [redirectUri] }
}

function publicApp (redirectUri: string): Partial<ClientMetadata> {
  return { ...app(redirectUri), token_endpoint_auth_method: 'none' }
}

/** An authorization request of `console` to begin with, and what its code is exchanged with (RFC 7636). */
export function exampleRequest (issuer: string): { authorize: string, verifier: string } {
  const verifier = randomBytes(32).toString('base64url')
  const parameters = new URLSearchParams({
    client_id: 'console',
    response_type: 'code',
    redirect_uri: 'http://127.0.0.1/callback',
    scope: 'resources:read resources:write',
    code_challenge: hash('sha256', verifier, 'base64url'),
    code_challenge_method: 'S256'
  })
  return { authorize: `${issuer}/oauth2/authorize?${parameters}`, verifier }
}

/** What `reports` has of its own, and all others by their company. */
function tierOf (client: string | undefined, company: string): string | undefined {
  return client === 'reports' ? 'enterprise' : companies[company]?.tier
}

/** The authorization server of the example: the certified oidc-provider, with demo users and pages to sign in. Keeps nothing. */
export async function startProvider (scopes: readonly string[], port?: number): Promise<Listening> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const server = createServer()
  const listening = await listenOn(server, port)
  const issuer = listening.url

  const configuration: Configuration = {
    clients,
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    jwks: { keys: [{ ...await exportJWK(privateKey), kid: 'demo', alg: 'ES256', use: 'sig' }] },
    cookies: { keys: ['demo'] },
    routes: { authorization: '/oauth2/authorize', token: '/oauth2/token', introspection: '/oauth2/introspect', revocation: '/oauth2/revoke' },
    scopes: ['openid', 'offline_access'],
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    findAccount: (_ctx, id) => users.has(id) ? { accountId: id, claims: () => ({ sub: id }) } : undefined,
    pkce: { required: () => true },
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async () => false,
    clientBasedCORS: () => true, // the reference page asks for its token from another port
    extraTokenClaims (_ctx, token) {
      const workspace = 'accountId' in token ? users.get(token.accountId)?.company : companyOf[token.clientId ?? '']
      return workspace === undefined ? undefined : { workspace, tier: tierOf(token.clientId, workspace) }
    },
    ttl: { AccessToken: 600, ClientCredentials: 600, AuthorizationCode: 60, RefreshToken: 86_400, Grant: 86_400, Interaction: 600, Session: 3_600, IdToken: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_ctx, client) => client.clientId === introspector.id },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      dPoP: { enabled: true },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, _resource, client) => ({
          scope: scopes.join(' '),
          audience: RESOURCE,
          accessTokenTTL: 600,
          accessTokenFormat: client.clientId === 'partner' ? 'opaque' : 'jwt',
          jwt: { sign: { alg: 'ES256' } }
        })
      }
    }
  }
  const provider = new Provider(issuer, configuration)
  const pages = createPages(provider, RESOURCE)
  const answer = provider.callback()
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/interaction/') === true) pages(request, response)
    else answer(request, response)
  })
  return listening
}
