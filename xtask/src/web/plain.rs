//! The program for browsers without relaxed vector instructions, or whose instruction for `a·b + c` rounds twice: a
//! call of a function of the program stands in the place of each. The compiler also selects lanes by relaxed
//! instructions, whose results are those of the plain one wherever a mask holds all bits of a lane or none.

use std::path::Path;

use anyhow::{Context, bail};
use walrus::ir::{BinaryOp, Call, Instr, InstrLocId, TernaryOp, UnaryOp, V128Bitselect, VisitorMut, dfs_pre_order_mut};
use walrus::{ExportItem, FunctionId, Module};

/// The function of `tensor-ops` that does what the instruction does.
const FUNCTION: &str = "druse_multiply_add";

/// Writes the program `to` that does what the program `from` does.
///
/// # Errors
/// If the function is missing, there is no such instruction, or there are other relaxed ones.
pub(super) fn write(from: &Path, to: &Path) -> anyhow::Result<()> {
    let fault = |error: anyhow::Error| error.context(format!("{}: no program without it can be made", from.display()));
    let mut module = Module::from_file(from).map_err(fault)?;
    replace(&mut module).map_err(fault)?;
    module.emit_wasm_file(to).with_context(|| format!("{}: cannot be written", to.display()))
}

fn replace(module: &mut Module) -> anyhow::Result<()> {
    let exported = module.exports.iter().find(|export| export.name == FUNCTION);
    let Some(ExportItem::Function(function)) = exported.map(|export| export.item) else {
        bail!("it exports no function {FUNCTION}");
    };
    let mut calls = Calls { function, replaced: 0, others: Vec::new() };
    for (_, body) in module.funcs.iter_local_mut() {
        let entry = body.entry_block();
        dfs_pre_order_mut(&mut calls, body, entry);
    }
    if calls.replaced == 0 {
        bail!("it has no instruction to replace: was it built with +simd128, as .cargo/config.toml says?");
    }
    if !calls.others.is_empty() {
        bail!("nothing replaces other relaxed instructions of it: {}", calls.others.join(", "));
    }
    Ok(())
}

struct Calls {
    function: FunctionId,
    replaced: usize,
    others: Vec<String>,
}

impl VisitorMut for Calls {
    fn visit_instr_mut(&mut self, instruction: &mut Instr, _: &mut InstrLocId) {
        match instruction {
            Instr::TernOp(operation) => match operation.op {
                TernaryOp::F32x4RelaxedMadd => {
                    *instruction = Instr::Call(Call { func: self.function });
                    self.replaced += 1;
                }
                TernaryOp::I8x16RelaxedLaneselect
                | TernaryOp::I16x8RelaxedLaneselect
                | TernaryOp::I32x4RelaxedLaneselect
                | TernaryOp::I64x2RelaxedLaneselect => *instruction = Instr::V128Bitselect(V128Bitselect {}),
                other => self.others.push(format!("{other:?}")),
            },
            Instr::Binop(operation) if is_relaxed_binary(operation.op) => {
                self.others.push(format!("{:?}", operation.op));
            }
            Instr::Unop(operation) if is_relaxed_unary(operation.op) => {
                self.others.push(format!("{:?}", operation.op));
            }
            _ => {}
        }
    }
}

fn is_relaxed_binary(operation: BinaryOp) -> bool {
    matches!(
        operation,
        BinaryOp::I8x16RelaxedSwizzle
            | BinaryOp::F32x4RelaxedMin
            | BinaryOp::F32x4RelaxedMax
            | BinaryOp::F64x2RelaxedMin
            | BinaryOp::F64x2RelaxedMax
            | BinaryOp::I16x8RelaxedQ15mulrS
            | BinaryOp::I16x8RelaxedDotI8x16I7x16S
    )
}

fn is_relaxed_unary(operation: UnaryOp) -> bool {
    matches!(
        operation,
        UnaryOp::I32x4RelaxedTruncF32x4S
            | UnaryOp::I32x4RelaxedTruncF32x4U
            | UnaryOp::I32x4RelaxedTruncF64x2SZero
            | UnaryOp::I32x4RelaxedTruncF64x2UZero
    )
}

#[cfg(test)]
mod tests {
    use walrus::{FunctionBuilder, ValType};

    use super::*;

    /// A program that exports a function of three registers, and one that asks the instruction of them.
    fn program(operation: TernaryOp) -> Module {
        let mut module = Module::default();
        let registers = [ValType::V128; 3];
        for (name, calls) in [(FUNCTION, false), ("product", true)] {
            let arguments = registers.map(|kind| module.locals.add(kind));
            let mut function = FunctionBuilder::new(&mut module.types, &registers, &[ValType::V128]);
            let mut body = function.func_body();
            for argument in &arguments[..if calls { 3 } else { 1 }] {
                body.local_get(*argument);
            }
            if calls {
                body.tern_op(operation);
            }
            let function = function.finish(arguments.to_vec(), &mut module.funcs);
            module.exports.add(name, function);
        }
        module
    }

    #[test]
    fn the_instruction_is_replaced_and_others_are_told() {
        let mut module = program(TernaryOp::F32x4RelaxedMadd);
        replace(&mut module).expect("a program");
        assert!(replace(&mut module).is_err_and(|error| error.to_string().contains("no instruction")));
        let selects = replace(&mut program(TernaryOp::I32x4RelaxedLaneselect));
        assert!(selects.is_err_and(|error| error.to_string().contains("no instruction")));
        let mut unnamed = program(TernaryOp::F32x4RelaxedMadd);
        unnamed.exports.remove(FUNCTION).expect("the function");
        assert!(replace(&mut unnamed).is_err_and(|error| error.to_string().contains(FUNCTION)));
    }
}
