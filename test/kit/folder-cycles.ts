import { posix } from 'node:path'
import type { SourceFile } from './source-tree.ts'

/** Finds circles among the folders of these files, by all of their imports: each as its folders, `a -> b -> a`, with an import for each arrow. */
export const folderCycles = (files: readonly SourceFile[]): string[] => {
  const arrows = arrowsOf(files)
  const circles: string[] = []
  const done = new Set<string>()
  const visit = (folder: string, way: readonly string[]): void => {
    const start = way.indexOf(folder)
    if (start >= 0) {
      const circle = [...way.slice(start), folder]
      const imports = circle.slice(1).map((to, index) => arrows.get(circle[index] ?? '')?.get(to) ?? '')
      circles.push(`${circle.join(' -> ')} (${imports.join('; ')})`)
      return
    }
    if (done.has(folder)) return
    for (const to of arrows.get(folder)?.keys() ?? []) visit(to, [...way, folder])
    done.add(folder)
  }
  for (const folder of arrows.keys()) visit(folder, [])
  return circles
}

/** Imports from each folder into each other one: one file of each arrow is enough to find it. */
const arrowsOf = (files: readonly SourceFile[]): Map<string, Map<string, string>> => {
  const known = new Set(files.map(({ path }) => path))
  const arrows = new Map<string, Map<string, string>>()
  for (const { path, imports } of files) {
    const from = posix.dirname(path)
    for (const { target } of imports) {
      const to = posix.dirname(target)
      if (from === to || !known.has(target)) continue
      const targets = arrows.get(from) ?? new Map<string, string>()
      arrows.set(from, targets.set(to, `${path} imports ${target}`))
    }
  }
  return arrows
}
