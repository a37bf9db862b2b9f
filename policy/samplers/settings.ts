/** Settings of a stage or a sampler with their defaults; the description is the command's help. */
export type SettingTable = Readonly<Record<string, { readonly default: number; readonly help: string }>>

export type SettingsOf<T extends SettingTable> = { readonly [Name in keyof T]: number }

/** The settings of a table, the defaults where none is given. */
export function settingsOf<T extends SettingTable>(
  table: T,
  given: Readonly<Record<string, number>> = {},
): SettingsOf<T> {
  const settings = Object.entries(table).map(([name, setting]) => [name, given[name] ?? setting.default])
  return Object.fromEntries(settings) as SettingsOf<T>
}
