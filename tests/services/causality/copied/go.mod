module copied

go 1.21
