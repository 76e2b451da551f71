// Grafana's types of a dashboard, for JSON: an enum's member is its text there.
import type { AnnotationQuery, Dashboard, DataQuery } from '@grafana/schema';
import type { Options as HeatmapOptions } from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type {
  FieldConfig,
  Options as TimeSeriesOptions,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Json<T> = T extends string ? `${T}` : T extends object ? { [Key in keyof T]: Json<T[Key]> } : T;

// The package has no type of Prometheus' own members of a query: these are the documented ones.
type Query = DataQuery & {
  expr: string;
  legendFormat?: string;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
  range?: boolean;
};
type Annotations = { annotations?: { list?: AnnotationQuery<Query>[] } };

export type DashboardJson = Json<Omit<Dashboard, 'annotations'> & Annotations>;
export type QueryJson = Json<Query>;
export type TimeSeriesOptionsJson = Json<TimeSeriesOptions>;
export type FieldConfigJson = Json<FieldConfig>;
export type HeatmapOptionsJson = Json<HeatmapOptions>;
