import { ParquetFile } from './parquetRead.js'
import { type FeatureStats, type StatName, statNames } from './statistics.js'

/** Statistics of a feature in every episode of one file of meta/episodes. @throws UserError */
export async function readImageStats(path: string, name: string): Promise<FeatureStats[]> {
  const file = await ParquetFile.open(path)
  try {
    const columns = new Map<StatName, unknown[]>()
    for (const stat of statNames) columns.set(stat, await file.column(`stats/${name}/${stat}`))
    return Array.from(
      { length: file.rows },
      (_, row) =>
        Object.fromEntries(
          [...columns].map(([stat, values]) => [
            stat,
            stat === 'count' ? (values[row] as bigint[]).map(Number) : values[row],
          ]),
        ) as FeatureStats,
    )
  } finally {
    file.close()
  }
}
