module causality

go 1.21
