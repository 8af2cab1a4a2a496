module sekisho/bench/gauge

go 1.22
