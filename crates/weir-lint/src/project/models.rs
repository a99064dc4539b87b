//! Which classes are Django models, and how they point at each other.

use std::collections::HashMap;

use super::{ClassId, ModuleId, Project, Symbol};
use crate::syntax::ast::{Call, Expr};

/// Bases outside the project that make a class a model.
const MODEL_BASES: [&str; 14] = [
    "Model",
    "AbstractUser",
    "AbstractBaseUser",
    "TimeStampedModel",
    "MPTTModel",
    "Page",
    "SoftDeletableModel",
    "PolymorphicModel",
    "UUIDModel",
    "TenantMixin",
    "BaseModel",
    "GenericUUIDTaggedItemBase",
    "MP_Node",
    "CMSPlugin",
];

/// What reading a relation attribute gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RelationKind {
    /// One row: foreign key, one-to-one, either side.
    One,
    /// A manager over many rows: reverse foreign key, many-to-many.
    Many,
}

/// A relation of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) kind: RelationKind,
    pub(crate) target: Option<ClassId>,
    /// Declared on this model, so it is a column here.
    pub(crate) forward: bool,
}

/// Marks models, then links their relations both ways.
pub(super) fn find_models(project: &mut Project<'_>) {
    for number in 0..project.classes.len() {
        let id = ClassId(u32::try_from(number).unwrap_or(u32::MAX));
        project.classes[number].is_model = is_model(project, id);
    }
    let mut by_name: HashMap<&str, Vec<ClassId>> = HashMap::new();
    for (number, class) in project.classes.iter().enumerate().filter(|(_, c)| c.is_model) {
        let id = ClassId(u32::try_from(number).unwrap_or(u32::MAX));
        by_name.entry(&class.def.name).or_default().push(id);
    }
    project.models_by_name = by_name;
    let mut relations = declared_relations(project);
    relations.sort_by(|a, b| (a.0, &a.1, !a.2.forward).cmp(&(b.0, &b.1, !b.2.forward)));
    for (owner, name, relation) in relations {
        project.classes[owner.0 as usize].relations.entry(name).or_insert(relation);
    }
}

fn is_model(project: &Project<'_>, id: ClassId) -> bool {
    project.inherits_outside(id, &MODEL_BASES) && !project.inherits_outside(id, &["BaseSettings"])
        || project.class(id).attrs.values().any(|value| is_model_field(project, id, value))
}

/// `models.CharField(…)`: a field of the ORM, as opposed to one of forms or serializers.
fn is_model_field(project: &Project<'_>, id: ClassId, value: &Expr) -> bool {
    value.as_call().is_some_and(|call| {
        let path = project.outside_path(project.class(id).module, &call.func);
        path.is_some_and(|path| {
            path.starts_with("django.db.models.")
                && (path.ends_with("Field") || path.ends_with("Key"))
        })
    })
}

fn declared_relations(project: &Project<'_>) -> Vec<(ClassId, String, Relation)> {
    let mut all = Vec::new();
    for (number, class) in project.classes.iter().enumerate().filter(|(_, c)| c.is_model) {
        let owner = ClassId(u32::try_from(number).unwrap_or(u32::MAX));
        for (field, value) in &class.attrs {
            if let Some(call) = value.as_call()
                && let Some(kind) = field_kind(call)
            {
                let target = target_of(project, owner, call);
                let forward = Relation { kind, target, forward: true };
                all.push((owner, (*field).to_owned(), forward));
                all.extend(reverse(project, owner, call, target));
            }
        }
    }
    all
}

fn field_kind(call: &Call) -> Option<RelationKind> {
    let name = match call.func.as_attr() {
        Some((_, attr)) => attr,
        None => call.func.as_name()?,
    };
    match name {
        "ForeignKey" | "OneToOneField" | "ParentalKey" | "TreeForeignKey" => {
            Some(RelationKind::One)
        }
        "ManyToManyField" | "ParentalManyToManyField" => Some(RelationKind::Many),
        _ => None,
    }
}

fn target_of(project: &Project<'_>, owner: ClassId, call: &Call) -> Option<ClassId> {
    let to = call.args.first().or_else(|| call.keyword("to"))?;
    let module = project.class(owner).module;
    match to.as_str() {
        Some("self") => Some(owner),
        Some(text) => project.model_named(text.rsplit('.').next()?, module),
        None => match project.symbol_of(module, to) {
            Symbol::Class(id) => Some(id),
            _ => None,
        },
    }
}

fn reverse(
    project: &Project<'_>,
    owner: ClassId,
    call: &Call,
    target: Option<ClassId>,
) -> Option<(ClassId, String, Relation)> {
    let target = target?;
    let name = match call.keyword("related_name").map(Expr::as_str) {
        Some(Some(name)) if !name.contains(['+', '%']) => name.to_owned(),
        Some(_) => return None,
        None => {
            let model = project.class(owner).def.name.to_lowercase();
            let one = is_one_to_one(call);
            if one { model } else { format!("{model}_set") }
        }
    };
    let kind = if is_one_to_one(call) { RelationKind::One } else { RelationKind::Many };
    Some((target, name, Relation { kind, target: Some(owner), forward: false }))
}

fn is_one_to_one(call: &Call) -> bool {
    let name = call.func.as_attr().map(|(_, attr)| attr).or_else(|| call.func.as_name());
    name == Some("OneToOneField")
}

impl Project<'_> {
    /// The model class called `name`, the nearest to `module` when there are several.
    pub(crate) fn model_named(&self, name: &str, module: ModuleId) -> Option<ClassId> {
        let home = &self.module(module).dotted;
        let shared = |id: &ClassId| {
            let path = &self.module(self.class(*id).module).dotted;
            path.bytes().zip(home.bytes()).take_while(|(a, b)| a == b).count()
        };
        self.models_by_name.get(name)?.iter().copied().max_by_key(shared)
    }

    /// Relation `name` of a model or of its bases.
    pub(crate) fn relation(&self, model: ClassId, name: &str) -> Option<Relation> {
        let mut classes = self.ancestry(model).into_iter();
        classes.find_map(|c| self.class(c).relations.get(name).copied())
    }

    /// Whether the class is a model.
    pub(crate) fn is_model(&self, id: ClassId) -> bool {
        self.class(id).is_model
    }
}
