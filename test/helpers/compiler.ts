import { join } from 'node:path'
import ts from 'typescript'
import { root } from './child.js'

function optionsOf (config: string): ts.CompilerOptions {
  const { config: read, error } = ts.readConfigFile(config, (path) => ts.sys.readFile(path))
  if (error !== undefined) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, '\n'))
  return ts.parseJsonConfigFileContent(read, ts.sys, root).options
}

/** What the compiler says of these files, as the editor would show it. @param extra texts of files that are not there */
export function complaints (files: readonly string[], extra: ReadonlyMap<string, string> = new Map()): string[] {
  const options = optionsOf(join(root, 'tsconfig.json'))
  const host = ts.createCompilerHost(options)
  const { readFile: read, fileExists: exists, getSourceFile } = host
  host.fileExists = (path) => extra.has(path) || exists(path)
  host.readFile = (path) => extra.get(path) ?? read(path)
  host.getSourceFile = (path, ...rest) => {
    const text = extra.get(path)
    return text === undefined ? getSourceFile(path, ...rest) : ts.createSourceFile(path, text, rest[0], true)
  }
  const names = [...files, ...extra.keys()]
  const program = ts.createProgram(names, options, host)
  const said = [...program.getOptionsDiagnostics(), ...names.flatMap((name) => ts.getPreEmitDiagnostics(program, program.getSourceFile(name)))]
  return said.map(({ file, messageText }) => `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
}
