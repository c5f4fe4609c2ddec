import { StoreError } from '../core/store-error.js'

interface KnownTables { readonly kind: string, readonly migrations: readonly unknown[] }

/** The tables are not as this release needs them. */
export class SchemaError extends StoreError {}

/** The tables have a version that only a later release can use. */
export class SchemaTooNewError extends SchemaError {
  override readonly name = 'SchemaTooNewError'
  constructor ({ kind, migrations }: KnownTables, schema: string, version: number) {
    super(`the ${kind} tables in the schema ${schema} are of version ${version}, and this release of ` +
      `fastify-latchkey knows ${migrations.length}: install a later one`)
  }
}

/** The tables are of an earlier release, whose processes may be using them. */
export class SchemaOutdatedError extends SchemaError {
  override readonly name = 'SchemaOutdatedError'
  constructor ({ kind, migrations }: KnownTables, schema: string, version: number) {
    super(`the ${kind} tables in the schema ${schema} are of version ${version}, and this release of ` +
      `fastify-latchkey needs ${migrations.length}: call await store.migrate() before it starts, ` +
      'or state the option migrate: \'at-boot\'')
  }
}
