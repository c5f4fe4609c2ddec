import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import ts from 'typescript'
import { root } from './child.js'
import * as given from './readme-given.js'

export interface Block {
  /** Path of the page in the repository, such as `docs/keys.md`. */
  readonly page: string
  /** In the page, from 1. */
  readonly line: number
  readonly code: string
}

/** The code of a page that can run. */
export function blocksOf (page: string, text: string): Block[] {
  return [...text.matchAll(/^```(?:ts|js)\n(.*?)^```$/gms)]
    .map(({ index, 1: code = '' }) => ({ page, line: text.slice(0, index).split('\n').length + 1, code }))
}

/** Whether it shows options of `latchkey` alone, one way after another. */
export const showsOptions = ({ code }: Block): boolean => OPTION.test(code)
const OPTION = /^\w+: /m

/** Whether it changes what types other code sees. */
export const declaresModule = ({ code }: Block): boolean => code.includes('declare module')

/** A block as a module that imports what the text around it has imported, and makes the app that it works on. */
export async function moduleOf (block: Block): Promise<string> {
  const code = showsOptions(block) ? alternativesOf(block.code) : block.code
  const { used, declared } = namesOf(code)
  const app = code.includes('register(latchkey') ? 'Fastify()' : 'await guardedApp()'
  const made = !used.has('app') || declared.has('app') ? '' : `const app = ${app}`
  const unknown = [...used, ...namesOf(made).used].filter((name) => name !== 'app' && !declared.has(name))
  const wanted = new Set(unknown)
  const imports: string[] = []
  for (const [from, exported] of await sources()) {
    const found = [...wanted].filter((name) => exported.includes(name))
    for (const name of found) wanted.delete(name)
    if (found.length > 0) imports.push(`import { ${found.join(', ')} } from '${from}'`)
  }
  return [...imports, made, code, used.has('app') ? 'export { app }' : 'export {}', ''].join('\n')
}

function alternativesOf (code: string): string {
  const alternatives = code.split(/^(?=\w+: )/m).map((alternative) => `{\n${alternative}}`)
  return 'import type { LatchkeyOptions } from \'fastify-latchkey\'\n' +
    `export const alternatives: Array<Partial<LatchkeyOptions>> = [${alternatives.join(', ')}]`
}

/** What the host and every subpath of the package export, the package itself before its subpaths. */
async function sources (): Promise<Array<readonly [from: string, exported: readonly string[]]>> {
  const { exports }: { exports: Record<string, unknown> } =
    JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  // The element runs in browsers alone.
  const subpaths = Object.keys(exports).filter((name) => !['./package.json', './console/element.js'].includes(name))
  const names = subpaths.map((name) => `fastify-latchkey${name.slice(1)}`)
  return [
    ['../helpers/readme-given.js', Object.keys(given)],
    ...await Promise.all(names.map(async (name) => [name, Object.keys(await import(name))] as const))
  ]
}

/** Names that code uses as values, and those that it declares or imports for all of its lines. */
function namesOf (code: string): { used: ReadonlySet<string>, declared: ReadonlySet<string> } {
  const file = ts.createSourceFile('block.ts', code, ts.ScriptTarget.Latest, true)
  const used = new Set<string>()
  const declared = new Set<string>()
  const addUses = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && !isNameOf(node, node.parent)) used.add(node.text)
    ts.forEachChild(node, addUses)
  }
  const addBinding = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) declared.add(name.text)
    else for (const element of name.elements) if (ts.isBindingElement(element)) addBinding(element.name)
  }
  addUses(file)
  for (const statement of file.statements) {
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) addBinding(name)
    }
    const bindings = ts.isImportDeclaration(statement) ? statement.importClause : undefined
    if (bindings?.name !== undefined) declared.add(bindings.name.text)
    if (bindings?.namedBindings !== undefined && ts.isNamedImports(bindings.namedBindings)) {
      for (const { name } of bindings.namedBindings.elements) declared.add(name.text)
    }
  }
  return { used, declared }
}

/** Whether an identifier is a name of a property, not a value. */
function isNameOf (node: ts.Identifier, parent: ts.Node): boolean {
  const hasName = ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent) ||
    ts.isMethodDeclaration(parent)
  return hasName && parent.name === node
}
