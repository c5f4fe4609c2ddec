import { createHash } from 'node:crypto'
import scalar from '@scalar/fastify-api-reference'
import type { FastifyInstance } from 'fastify'
import type { PermittedOperation } from 'fastify-latchkey/openapi'

/** The page on which people read the API, at `/docs/`. All of it comes from this server: no fonts, no agent, no telemetry of others. */
export async function referencePage (app: FastifyInstance): Promise<void> {
  app.addHook('onSend', async (_request, reply, payload) => {
    if (typeof payload === 'string') reply.header('content-security-policy', policyOf(payload))
  })
  await app.register(scalar, {
    routePrefix: '/docs',
    configuration: {
      withDefaultFonts: false,
      telemetry: false,
      agent: { disabled: true },
      hideClientButton: true,
      showDeveloperTools: 'never',
      favicon: 'data:,',
      authentication: { preferredSecurityScheme: 'apiKey' }
    }
  })
}

/** The page starts its script by a line in the page itself, which is allowed by its hash. Styles are set by the script. */
function policyOf (page: string): string {
  const [, inline = ''] = /<script type="text\/javascript">([^<]*)<\/script>/.exec(page) ?? []
  const hash = createHash('sha256').update(inline).digest('base64')
  return `default-src 'none'; script-src 'self' 'sha256-${hash}'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
}

/** Where the page shows an operation. */
export function operationUrl ({ tags: [tag = ''], method, url }: PermittedOperation): string {
  return `/docs/#tag/${tag.replaceAll(' ', '-')}/${method}${url.replace(/:(\w+)/g, '{$1}')}`
}
