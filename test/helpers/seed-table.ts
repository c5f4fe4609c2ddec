import { defineScopes } from 'fastify-latchkey'

const tiers = ['read', 'write', 'manage'] as const

/** The catalogue of a configuration platform, whose table of scopes is below. */
export const seedScopes = defineScopes({
  resources: {
    config_instances: tiers,
    config_schemas: tiers,
    config_types: tiers,
    deployments: ['read', 'write', 'stage', 'deploy', 'archive', 'manage'],
    devices: ['read', 'provision', 'write', 'delete', 'manage'],
    git_commits: tiers,
    releases: tiers
  }
})

type Scope = (typeof seedScopes.names)[number]

/** URL, operationId and the scopes of which one is needed. */
export const seedRoutes: ReadonlyArray<readonly [string, string, ...Scope[]]> = [
  ['/config_instances/get', 'config_instances.get', 'config_instances:read'],
  ['/config_instances/list', 'config_instances.list', 'config_instances:read'],
  ['/config_instances/create', 'config_instances.create', 'config_instances:write'],
  ...(['config_schemas', 'config_types', 'releases'] as const).flatMap((name) => [
    [`/${name}/get`, `${name}_get`, `${name}:read`],
    [`/${name}/list`, `${name}_list`, `${name}:read`],
    [`/${name}/create`, `${name}_create`, `${name}:write`],
    [`/${name}/update`, `${name}_update`, `${name}:write`]
  ] as const),
  ['/deployments/get', 'deployments.get', 'deployments:read'],
  ['/deployments/list', 'deployments.list', 'deployments:read'],
  ['/deployments/create', 'deployments.create', 'deployments:write'],
  ['/deployments/stage', 'deployments.stage', 'deployments:stage'],
  ['/deployments/deploy', 'deployments.deploy', 'deployments:deploy'],
  ['/deployments/archive', 'deployments.archive', 'deployments:archive'],
  ['/devices/get', 'devices.get', 'devices:read'],
  ['/devices/create', 'devices.create', 'devices:provision', 'devices:write'],
  ['/devices/activate', 'devices.activate', 'devices:provision'],
  ['/devices/reactivate', 'devices.reactivate', 'devices:provision'],
  ['/devices/list', 'devices.list', 'devices:read', 'devices:provision'],
  ['/devices/ping', 'devices.ping', 'devices:read'],
  ['/devices/update', 'devices.update', 'devices:write'],
  ['/devices/delete', 'devices.delete', 'devices:delete'],
  ['/git_commits/get', 'git_commits.get', 'git_commits:read'],
  ['/git_commits/list', 'git_commits.list', 'git_commits:read'],
  ['/git_commits/create', 'git_commits.create', 'git_commits:write']
]

/** Its own table: the heading of each resource, then scope and permissions. */
export const seedTable = [
  ['Config instances', 'config_instances:read get, list', 'config_instances:write create', 'config_instances:manage all operations'],
  ['Config schemas', 'config_schemas:read get, list', 'config_schemas:write create, update', 'config_schemas:manage all operations'],
  ['Config types', 'config_types:read get, list', 'config_types:write create, update', 'config_types:manage all operations'],
  ['Deployments', 'deployments:read get, list', 'deployments:write create', 'deployments:stage stage', 'deployments:deploy deploy', 'deployments:archive archive', 'deployments:manage all operations'],
  ['Devices', 'devices:read get, list, ping', 'devices:provision create, activate, reactivate, list', 'devices:write create, update', 'devices:delete delete', 'devices:manage all operations'],
  ['Git commits', 'git_commits:read get, list', 'git_commits:write create', 'git_commits:manage all operations'],
  ['Releases', 'releases:read get, list', 'releases:write create, update', 'releases:manage all operations']
]
