const OPTIONS = 'core/options'

/** Test files that say what a room does, by how their paths below test/ begin. What is slow and adds nothing is left out. */
export const ROOMS: Readonly<Record<string, readonly string[]>> = {
  auth: [OPTIONS, 'auth/', 'rfc/rfc', 'properties/header', 'oauth/exposure', 'oauth/length', 'oauth/permissions', 'oauth/dpop', 'limits/stale-principal', 'events/', 'latchkey', 'host'],
  scopes: [OPTIONS, 'scopes/', 'properties/scopes', 'auth/routes', 'openapi/', 'contracts/read-write.', 'contracts/resource-actions', 'latchkey'],
  limits: [OPTIONS, 'limits', 'properties/limits', 'properties/redis-limits', 'stores/limit-stores', 'rfc/ratelimit', 'contracts/tiers-oauth.', 'faults/marker-bounds'],
  keys: [OPTIONS, 'keys/', 'stores/key-', 'stores/broken-keys', 'stores/redis-', 'stores/postgres-trips', 'management/key-routes', 'properties/key', 'properties/record-cache', 'properties/usage-recorder'],
  oauth: [OPTIONS, 'oauth/', 'rfc/rfc8725'],
  webhooks: [OPTIONS, 'webhooks/', 'stores/webhook', 'stores/broken-webhooks', 'stores/leftovers', 'management/webhook', 'faults/webhook-worker'],
  usage: [OPTIONS, 'usage/', 'stores/usage-', 'management/usage'],
  management: [OPTIONS, 'management/', 'openapi/', 'stores/odd-ids', 'keys/privilege'],
  core: ['core/', 'auth/', 'rfc/', 'limits/', 'scopes/', 'management/', 'openapi/', 'stores/odd-ids', 'latchkey', 'host']
}
