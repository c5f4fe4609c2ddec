import { encodePart } from '../../redis/names.js'
import type { KeyPage } from '../store.js'

/**
 * Names of the keys in Redis. On a Cluster all of a workspace is in one slot, except hashes and ids of secrets and
 * keys.
 */
export interface RedisKeys {
  /** A hash: `record` and `createdAt`, `version`, `hashes`, `change`, and the recorded uses. */
  record (workspace: string, id: string): string
  /** Sorted sets of a workspace's keys: of all, of one owner, of one environment, and of both. */
  list (workspace: string, filter?: Pick<KeyPage, 'owner' | 'environment'>): string
  /** Text: workspace and id of the key that the secret with this hash may open. */
  hash (hash: string): string
  /** Text: the workspace that has a key with this id. */
  id (id: string): string
  /** Sorted set of all keys that need notices, by when they are due. */
  readonly due: string
}

/** @param namespace what all names begin with; no braces, which choose slots */
export function createRedisKeys (namespace: string): RedisKeys {
  const prefix = (workspace: string): string => `${namespace}:{${encodePart(workspace)}}`
  return {
    record: (workspace, id) => `${prefix(workspace)}:key:${encodePart(id)}`,
    list: (workspace, { owner, environment } = {}) =>
      `${prefix(workspace)}:list${part('owner', owner)}${part('environment', environment)}`,
    hash: (hash) => `${namespace}:hash:${encodePart(hash)}`,
    id: (id) => `${namespace}:id:${encodePart(id)}`,
    due: `${namespace}:due`
  }
}

function part (name: string, value: string | undefined): string {
  return value === undefined ? '' : `:${name}:${encodePart(value)}`
}
