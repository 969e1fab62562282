import type { SourceFile } from './source-tree.ts'

/**
 * Finds circles of imports among these files, imports of types included. `placeOf` maps a path to a node of the graph:
 * itself, or its folder. Each circle is text, `a -> b -> a`, with one import for each arrow.
 */
export const importCircles = (files: readonly SourceFile[], placeOf: (path: string) => string): string[] => {
  const arrows = arrowsOf(files, placeOf)
  const circles: string[] = []
  const done = new Set<string>()
  const visit = (place: string, way: readonly string[]): void => {
    const start = way.indexOf(place)
    if (start >= 0) {
      const circle = [...way.slice(start), place]
      const imports = circle.slice(1).map((to, index) => arrows.get(circle[index] ?? '')?.get(to) ?? '')
      circles.push(`${circle.join(' -> ')} (${imports.join('; ')})`)
      return
    }
    if (done.has(place)) return
    for (const to of arrows.get(place)?.keys() ?? []) visit(to, [...way, place])
    done.add(place)
  }
  for (const place of arrows.keys()) visit(place, [])
  return circles
}

/** Imports between places, by source and target: one file for each arrow, so that it can be found. */
const arrowsOf = (
  files: readonly SourceFile[],
  placeOf: (path: string) => string,
): Map<string, Map<string, string>> => {
  const known = new Set(files.map(({ path }) => path))
  const arrows = new Map<string, Map<string, string>>()
  for (const { path, imports } of files) {
    const from = placeOf(path)
    for (const { target } of imports) {
      const to = placeOf(target)
      if (from === to || !known.has(target)) continue
      const targets = arrows.get(from) ?? new Map<string, string>()
      arrows.set(from, targets.set(to, `${path} imports ${target}`))
    }
  }
  return arrows
}
