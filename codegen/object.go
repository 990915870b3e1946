package codegen

import "github.com/luabpfc/luabpfc/ir"

func writeObject(m *ir.Module, code []FuncCode, o Options) ([]byte, error) { return nil, nil }
