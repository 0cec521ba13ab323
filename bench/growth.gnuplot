# SPDX-License-Identifier: MIT
# Draws the table that `growth` prints. `gnuplot -c growth.gnuplot TABLE NAME` writes NAME.svg and NAME.png.
table = ARG1

# The blocks of the table: three sweeps for each type; for each sweep kept rows, then a run.
block(type, sweep, source) = 6 * type + 2 * sweep + source
curve(type, source) = 10 * (type + 1) + source + 1

array types[2] = ["f32", "bf16"]
array sources[2] = ["kept rows", "positions and frequencies"]
set linetype 11 linewidth 2 linecolor rgb "#0060ad" pointtype 7 pointsize 0.6
set linetype 12 linewidth 2 linecolor rgb "#0060ad" pointtype 6 pointsize 0.8 dashtype 2
set linetype 21 linewidth 2 linecolor rgb "#c04000" pointtype 5 pointsize 0.6
set linetype 22 linewidth 2 linecolor rgb "#c04000" pointtype 4 pointsize 0.8 dashtype 2

array titles[3] = ["32 + 8 heads × 128 elements", "64 tokens × 128 elements", "64 tokens × 32 heads"]
array growing[3] = ["tokens", "heads", "head\\_dim"]

stats table using 6 name "ns" nooutput
stats table using 8 name "ratio" nooutput

do for [format in "svg png"] {
  if (format eq "svg") {
    set terminal svg size 1500,860 font "sans-serif,15" background "white"
  } else {
    set terminal pngcairo size 1500,860 font "sans-serif,12" background "white"
  }
  set output ARG2.".".format
  set multiplot

  # One legend above all panels: the key of an empty plot.
  reset
  set margins screen 0.02, screen 0.98, screen 0.02, screen 0.99
  unset border
  unset tics
  set xrange [0:1]
  set yrange [0:1]
  set key top center horizontal maxrows 1 Left reverse width 1 samplen 4
  plot for [type = 0:1] for [source = 0:1] NaN with linespoints linetype curve(type, source) \
      title types[type + 1].", ".sources[source + 1]

  reset
  unset key
  set logscale x 2
  set tics font ",10"
  set grid xtics ytics linetype 1 linewidth 1 linecolor rgb "#d0d0d0"
  do for [sweep = 0:2] {
    left = 0.055 + sweep * 0.323
    set lmargin at screen left
    set rmargin at screen left + 0.285
    if (sweep == 0) {
      set xrange [0.8:170000]
      set xtics (1, 8, 64, 512, 4096, "32k" 32768, "128k" 131072)
    }
    if (sweep == 1) {
      set xrange [0.9:142]
      set xtics (1, 2, 4, 8, 16, 32, 64, 128)
    }
    if (sweep == 2) {
      set xrange [14:585]
      set xtics (16, 32, 40, 48, 64, "" 72, 80, 96, "" 112, 128, "" 160, 192, 256, "" 320, 384, 512)
    }

    set bmargin at screen 0.52
    set tmargin at screen 0.885
    set title titles[sweep + 1] offset 0,-0.5
    set logscale y
    set yrange [0.9 * ns_min:1.1 * ns_max]
    set ytics (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
    set ylabel sweep == 0 ? "time of one head [ns]" : ""
    unset xlabel
    plot for [type = 0:1] for [source = 0:1] table index block(type, sweep, source) \
        using (column(1 + sweep)):6 with linespoints linetype curve(type, source)

    set bmargin at screen 0.085
    set tmargin at screen 0.46
    unset title
    unset logscale y
    set yrange [0:ratio_max > 1.1 ? ratio_max : 1.1]
    set ytics 0, 0.2, 1
    set ylabel sweep == 0 ? "speed / speed of multiplying in place" : ""
    set xlabel growing[sweep + 1]
    plot for [type = 0:1] for [source = 0:1] table index block(type, sweep, source) \
        using (column(1 + sweep)):8 with linespoints linetype curve(type, source)
  }
  unset multiplot
  set output
}
