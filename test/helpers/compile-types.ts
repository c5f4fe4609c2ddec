import { join } from 'node:path'
import ts from 'typescript'
import { root } from './child.js'

/** Compiles one file of this repository by its tsconfig.json, and what it imports. @returns what the compiler says of all of it */
export function complaintsAbout (path: string): string[] {
  const { config, error } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options, errors } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const program = ts.createProgram([join(root, path)], { ...options, noEmit: true })
  const found = [...error === undefined ? [] : [error], ...errors, ...ts.getPreEmitDiagnostics(program)]
  return found.map(({ file, start = 0, messageText }) => {
    const line = file === undefined ? '' : `${file.fileName}:${file.getLineAndCharacterOfPosition(start).line + 1} `
    return line + ts.flattenDiagnosticMessageText(messageText, '\n')
  })
}

/** The descriptions of the lines of a text that the compiler must refuse. */
export function expectedErrors (source: string): string[] {
  return [...source.matchAll(/^ *\/\/ @ts-expect-error (.*)$/gm)].map(([, description = '']) => description)
}
